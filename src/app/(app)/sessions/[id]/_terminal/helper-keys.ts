/** Keys that a phone's keyboard does not have. */
export type HelperKey = "esc" | "tab" | "left" | "up" | "down" | "right";

const ARROWS = { up: "A", down: "B", right: "C", left: "D" } as const;

/** @param isApplicationMode DECCKM: the program wants its arrows as `ESC O` */
export function helperSequence(key: HelperKey, isApplicationMode: boolean): string {
  if (key === "esc") return "\u001b";
  if (key === "tab") return "\t";
  return `\u001b${isApplicationMode ? "O" : "["}${ARROWS[key]}`;
}

/** What Ctrl makes of the next key: `c` becomes ^C. Text that is no single such key stays as it is. */
export function withCtrl(data: string): string {
  return /^[a-zA-Z@[\\\]^_ ]$/.test(data)
    ? String.fromCharCode(data.toUpperCase().charCodeAt(0) & 0x1f)
    : data;
}
