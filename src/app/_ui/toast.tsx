"use client";

import { Toast as Base } from "@base-ui/react/toast";
import { X } from "lucide-react";
import { withoutReordering } from "./shown-text";

const manager = Base.createToastManager();
const SHOWN_MS = 6_000;

/**
 * Says at the window's edge what was done, with a way back where there is one. Failures belong beside what failed; this
 * is for those whose place is gone. The message may hold a name that somebody gave.
 */
export function toast(message: string, undo?: { label: string; onUndo: () => void }): void {
  const id = manager.add({
    title: withoutReordering(message),
    timeout: SHOWN_MS,
    ...(undo && {
      actionProps: {
        children: undo.label,
        onClick() {
          manager.close(id);
          undo.onUndo();
        },
      },
    }),
  });
}

/** Once, near the page's root. */
export function Toasts() {
  return (
    <Base.Provider toastManager={manager} limit={3}>
      <Base.Portal>
        <Base.Viewport className="fixed inset-x-4 bottom-[calc(16px+env(safe-area-inset-bottom))] z-50 mx-auto flex max-w-[420px] flex-col gap-2">
          <ToastList />
        </Base.Viewport>
      </Base.Portal>
    </Base.Provider>
  );
}

function ToastList() {
  const { toasts } = Base.useToastManager();
  return toasts.map((shown) => (
    <Base.Root
      key={shown.id}
      toast={shown}
      className="rounded-lg bg-fg text-bg shadow-lg transition-opacity duration-150 data-ending-style:opacity-0 data-limited:hidden data-starting-style:opacity-0"
    >
      <Base.Content className="flex items-center gap-1 py-1 pr-1 pl-3">
        <Base.Title render={<p />} className="min-w-0 flex-1 py-1.5 [overflow-wrap:anywhere]" />
        {shown.actionProps && (
          <Base.Action className="min-h-8 cursor-pointer rounded-md px-3 font-medium underline underline-offset-4 outline-bg pointer-coarse:min-h-10" />
        )}
        <Base.Close
          aria-label="Dismiss"
          className="inline-flex size-8 cursor-pointer items-center justify-center rounded-md opacity-80 outline-bg hover:opacity-100 pointer-coarse:size-10"
        >
          <X size={14} aria-hidden />
        </Base.Close>
      </Base.Content>
    </Base.Root>
  ));
}
