import { useEffect, useEffectEvent, useState } from "react";
import { useRemembered } from "../../../_client/remembered";

const DEFAULT_WIDTH = "40%";

export interface Panel {
  isOpen: boolean;
  /** A person opened it in this view; not one that was open when the page came. */
  wasOpenedHere: boolean;
  /** CSS length: of the conversation and the panel together. */
  width: string;
  toggle(): void;
  show(isOpen: boolean): void;
  /** @param percent of both, 20 to 70; null: as it was made */
  resize(percent: number | null): void;
}

/** The panel beside the conversation remembers whether it was open, in this tab, and how wide. */
export function usePanel(): Panel {
  const [open, setOpen] = useRemembered(() => sessionStorage, "openagent.panel");
  const [width, setWidth] = useRemembered(() => localStorage, "openagent.panel.width");
  const [wasOpenedHere, setOpenedHere] = useState(false);
  const show = (isOpen: boolean) => {
    setOpenedHere(isOpen);
    setOpen(isOpen ? "terminal" : null);
  };
  const toggle = () => show(open === null);
  usePanelKeys(toggle);
  return {
    isOpen: open !== null,
    wasOpenedHere,
    width: width !== null && /^\d{2}%$/.test(width) ? width : DEFAULT_WIDTH,
    toggle,
    show,
    resize: (percent) =>
      setWidth(percent === null ? null : `${Math.round(Math.min(70, Math.max(20, percent)))}%`),
  };
}

/** ⌃` and ⌘\ or Ctrl-\, from within a terminal too. */
function usePanelKeys(toggle: () => void): void {
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.repeat || event.altKey || event.shiftKey) return;
    const isBackquote = event.ctrlKey && event.code === "Backquote";
    if (!isBackquote && !(event.metaKey && event.code === "Backslash")) return;
    event.preventDefault();
    event.stopPropagation();
    toggle();
  });
  useEffect(() => {
    window.addEventListener("keydown", onKey, { capture: true });
    return () => window.removeEventListener("keydown", onKey, { capture: true });
  }, []);
}
