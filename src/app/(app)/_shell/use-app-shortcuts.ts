"use client";

import { useRouter } from "next/navigation";
import { useEffect, useEffectEvent, useState } from "react";
import type { Overlay } from "./shell-context";
import { type Act, createShortcuts } from "./shortcuts";
import { hasOpenOverlay } from "../../_ui/open-overlay";

/** The keys that work on every page, except while somebody types and while a dialog or menu is open. */
export function useAppShortcuts(open: (overlay: Overlay) => void): void {
  const router = useRouter();
  const [read] = useState(() => createShortcuts(() => performance.now()));
  const act = (what: Act) => {
    switch (what) {
      case "new-session":
      case "palette":
      case "help":
        return open(what);
      case "inbox":
        return router.push("/#inbox");
      case "next":
        return step(1, (href) => router.push(href));
      case "previous":
        return step(-1, (href) => router.push(href));
    }
  };
  const onKeyDown = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.repeat || isBusyElsewhere(event.target)) return;
    const what = read({ key: event.key, isCommand: event.metaKey || event.ctrlKey, isOther: event.altKey });
    if (what === null) return;
    event.preventDefault();
    act(what);
  });
  useEffect(() => {
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
}

function isBusyElsewhere(target: EventTarget | null): boolean {
  const types =
    target instanceof HTMLElement &&
    (target.isContentEditable || target.closest("input, textarea, select, [role=textbox]") !== null);
  return types || hasOpenOverlay();
}

/** From an open session to the one beside it; in the list from row to row. */
function step(by: 1 | -1, go: (href: string) => void): void {
  const scope = document.querySelector("[data-session-list]") ?? document.querySelector("nav");
  const links = [...(scope?.querySelectorAll<HTMLAnchorElement>("a[data-session-link]") ?? [])];
  const here = links.findIndex(
    (link) => link === document.activeElement || link.getAttribute("aria-current") === "page",
  );
  const next = links[here === -1 && by === -1 ? links.length - 1 : here + by];
  if (next === undefined) return;
  if (links[here]?.getAttribute("aria-current") === "page") go(next.pathname);
  else next.focus();
}
