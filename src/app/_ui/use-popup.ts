"use client";

import { useCallback, useRef, useState, type ComponentType } from "react";
import { toast } from "./toast";

/** Where a popup stands, and whether it does: for what a {@link usePopup} loads. */
export interface PopupState {
  /** The button that opened it: beside it the popup stands, and to it the focus goes back. */
  anchor: HTMLElement | null;
  isOpen: boolean;
  onOpenChange(open: boolean, details: { reason: string; event: Event }): void;
}

/**
 * A button's popup that is no part of the page's first load: its code comes when the pointer or the focus does.
 * @param load of the popup, which is drawn from the first opening on; the caller gives it {@link PopupState}
 * @returns `trigger` for the button; `Popup` null until it was opened once; `isOpening` while it is waited for
 */
export function usePopup<Props>(kind: "menu" | "dialog", load: () => Promise<ComponentType<Props>>) {
  const anchorRef = useRef<HTMLElement | null>(null);
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const [isOpen, setOpen] = useState(false);
  const [Popup, setPopup] = useState<ComponentType<Props> | null>(null);
  const onOpenChange = useCallback<PopupState["onOpenChange"]>((open, { reason, event }) => {
    // A press on the button is followed by its click, which closes it.
    const isOnButton = event.target instanceof Node && anchorRef.current?.contains(event.target);
    if (!open && reason === "outside-press" && isOnButton) return;
    setOpen(open);
  }, []);
  const [isOpening, setOpening] = useState(false);
  const open = async () => {
    setOpening(true);
    try {
      const loaded = await load();
      setPopup(() => loaded);
      setOpen(true);
    } catch {
      toast("This could not be loaded from the server. Check the connection, then try again.");
    } finally {
      setOpening(false);
    }
  };
  const prepare = () => void load().catch(() => undefined);
  return {
    Popup,
    isOpening,
    state: { anchor, isOpen, onOpenChange } satisfies PopupState,
    trigger: {
      ref: (element: HTMLElement | null) => {
        anchorRef.current = element;
        setAnchor(element);
      },
      "aria-haspopup": kind,
      "aria-expanded": isOpen,
      "aria-busy": isOpening,
      "data-popup-open": isOpen ? "" : undefined,
      onPointerEnter: prepare,
      onFocus: prepare,
      onClick: () => (isOpen ? setOpen(false) : void open()),
    },
  };
}
