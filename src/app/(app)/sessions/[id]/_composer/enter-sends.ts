import type { KeyboardEvent } from "react";
import { isTouch } from "./is-touch";

/** Whether a key sends what is written: Enter alone, or on a touch screen, where that is a new line, with Ctrl or ⌘. */
export function enterSends(event: KeyboardEvent<HTMLTextAreaElement>): boolean {
  if (event.key !== "Enter" || event.shiftKey || event.altKey || event.nativeEvent.isComposing) return false;
  return !isTouch() || event.metaKey || event.ctrlKey;
}
