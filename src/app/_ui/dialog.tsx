"use client";

import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import { useRef, type ReactNode } from "react";
import { IconButton } from "./icon-button";
import { withoutReordering } from "./shown-text";

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** May hold a name that somebody gave. */
  title: string;
  description?: ReactNode;
  /** `wide` for forms with much to read. */
  size?: "narrow" | "wide";
  children: ReactNode;
}

/** Over the page; on phones a sheet from below. Escape, the shade and the cross close it, and the focus goes back. */
export function Dialog({ open, onOpenChange, title, description, size = "narrow", children }: DialogProps) {
  const popupRef = useRef<HTMLDivElement>(null);
  return (
    <Base.Root open={open} onOpenChange={(next) => onOpenChange(next)}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-shade transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <Base.Popup
          ref={popupRef}
          // A field that asks for the focus has it. The cross would show its tooltip, which takes the first Escape.
          initialFocus={popupRef}
          className={`fixed inset-x-0 bottom-0 z-40 flex max-h-[92dvh] flex-col rounded-t-xl border border-line bg-bg pb-[env(safe-area-inset-bottom)] shadow-xl outline-none transition-[opacity,translate] duration-150 data-ending-style:translate-y-2 data-ending-style:opacity-0 data-starting-style:translate-y-2 data-starting-style:opacity-0 sm:inset-x-4 sm:top-[7vh] sm:bottom-auto sm:mx-auto sm:max-h-[86vh] sm:rounded-xl ${
            size === "wide" ? "sm:max-w-[600px]" : "sm:max-w-[440px]"
          }`}
        >
          <div className="flex items-start gap-3 px-5 pt-4">
            <div className="min-w-0 flex-1">
              <Base.Title className="text-base font-semibold [overflow-wrap:anywhere]">
                {withoutReordering(title)}
              </Base.Title>
              {description !== undefined && (
                <Base.Description render={<div />} className="mt-1 text-muted [overflow-wrap:anywhere]">
                  {description}
                </Base.Description>
              )}
            </div>
            <Base.Close
              render={
                <IconButton label="Close" keys={["Esc"]} className="-mt-1 -mr-2">
                  <X size={16} aria-hidden />
                </IconButton>
              }
            />
          </div>
          <div className="overflow-y-auto px-5 pt-4">{children}</div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** Buttons that end a dialog, and stay in sight when it is higher than the window. */
export const DIALOG_END = "sticky bottom-0 flex flex-wrap items-center justify-end gap-2 bg-bg pt-1 pb-5";

/** The buttons at a dialog's end: on phones the main one stands nearest the thumb. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={`mt-3 ${DIALOG_END}`}>{children}</div>;
}
