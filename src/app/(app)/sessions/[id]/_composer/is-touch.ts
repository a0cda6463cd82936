/** Where there is no Shift to hold, Enter is a new line. */
export function isTouch(): boolean {
  return window.matchMedia("(pointer: coarse)").matches;
}
