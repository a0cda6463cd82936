"use client";

import { useRef, useState, type ComponentType, type KeyboardEvent, type MouseEvent } from "react";
import { toast } from "./toast";

/** Where a popup stands, and whether it does: for what a {@link usePopup} loads. */
export interface PopupState {
  /** The button that opened it, beside which it stands. */
  anchor: HTMLElement | null;
  /** What the button is called, and so what it opened. */
  label: string;
  isOpen: boolean;
  onOpenChange(open: boolean, details: { reason: string; event: Event }): void;
}

/**
 * A button's popup that is no part of the page's first load: its code comes when the pointer or the focus does.
 * @param load of the popup, which is drawn from the first opening on; the caller gives it {@link PopupState}
 * @returns `trigger` for the button; `Popup` null until it was opened once; `isOpening` while it is waited for
 */
export function usePopup<Props>(kind: "menu" | "dialog", load: () => Promise<ComponentType<Props>>) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const [isOpen, setOpen] = useState(false);
  const [isOpening, setOpening] = useState(false);
  const [Popup, setPopup] = useState<ComponentType<Props> | null>(null);
  /** Whoever went on to something else meanwhile is not called back by a popup that comes late. */
  const isWanted = useRef(false);
  const open = async (button: HTMLElement) => {
    // Where a press does not focus a button, the focus would go back to something else.
    button.focus();
    setAnchor(button);
    setOpening(true);
    isWanted.current = true;
    try {
      const loaded = await load();
      if (!isWanted.current) return;
      setPopup(() => loaded);
      setOpen(true);
    } catch {
      toast("This could not be loaded from the server. Check the connection, then try again.");
    } finally {
      setOpening(false);
    }
  };
  const giveUp = () => {
    isWanted.current = false;
  };
  const prepare = () => void load().catch(() => undefined);
  return {
    Popup,
    isOpening,
    state: {
      anchor,
      label: anchor?.getAttribute("aria-label") ?? anchor?.textContent ?? "",
      isOpen,
      onOpenChange(next, { reason, event }) {
        // A press on the button is followed by its click, which closes it.
        const isOnButton = event.target instanceof Node && anchor?.contains(event.target) === true;
        if (next || reason !== "outside-press" || !isOnButton) setOpen(next);
      },
    } satisfies PopupState,
    trigger: {
      "aria-haspopup": kind,
      "aria-expanded": isOpen,
      "aria-busy": isOpening,
      "data-popup-open": isOpen ? "" : undefined,
      onPointerEnter: prepare,
      onFocus: prepare,
      onBlur: giveUp,
      onKeyDown(event: KeyboardEvent<HTMLElement>) {
        if (event.key !== "ArrowDown" || isOpen || isOpening) return;
        event.preventDefault();
        void open(event.currentTarget);
      },
      onClick({ currentTarget }: MouseEvent<HTMLElement>) {
        if (isOpen) setOpen(false);
        else if (isOpening) isWanted.current = !isWanted.current;
        else void open(currentTarget);
      },
    },
  };
}
