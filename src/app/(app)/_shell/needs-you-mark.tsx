"use client";

import { useEffect } from "react";
import { useSessionList } from "../../_live/use-lists";

/** The window's title and icon say how many sessions need somebody, so that it is seen from another tab. */
export function NeedsYouMark() {
  const { sessions } = useSessionList({ archived: false });
  const waiting = sessions?.filter((session) => session.needsInput).length ?? 0;
  useEffect(() => (waiting === 0 ? undefined : markWindow(waiting)), [waiting]);
  return null;
}

const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2f5d50"/><circle cx="16" cy="16" r="7" fill="none" stroke="#fff" stroke-width="3"/><circle cx="24" cy="8" r="7" fill="#f0a030" stroke="#fff" stroke-width="2"/></svg>',
)}`;

/** @returns takes it back */
function markWindow(waiting: number): () => void {
  const prefix = `(${waiting}) needs you · `;
  const plain = () => document.title.replace(/^\(\d+\) needs you · /, "");
  const mark = () => {
    const wanted = prefix + plain();
    if (document.title !== wanted) document.title = wanted;
  };
  // Pages set titles of their own as one goes from one to the next.
  const observer = new MutationObserver(mark);
  observer.observe(document.head, { childList: true, subtree: true, characterData: true });
  mark();
  const icon = document.createElement("link");
  icon.rel = "icon";
  icon.href = ICON;
  document.head.append(icon);
  return () => {
    observer.disconnect();
    icon.remove();
    document.title = plain();
  };
}
