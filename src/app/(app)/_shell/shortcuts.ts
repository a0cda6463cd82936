/** What a key press means; pure, so that it can be tested. */
export type Act = "new-session" | "palette" | "help" | "next" | "previous" | "inbox";

export interface Press {
  key: string;
  /** ⌘ or Ctrl */
  isCommand: boolean;
  /** Alt, or another key that makes it something else */
  isOther: boolean;
}

/** How long the second key of a pair is waited for. */
const PAIR_MS = 1_000;

/** @returns reads one press after the other; null: it means nothing */
export function createShortcuts(nowMs: () => number): (press: Press) => Act | null {
  let gPressedMs: number | null = null;
  return ({ key, isCommand, isOther }) => {
    const isPair = gPressedMs !== null && nowMs() - gPressedMs <= PAIR_MS;
    gPressedMs = null;
    if (isOther) return null;
    const letter = key.toLowerCase();
    if (isCommand) return letter === "k" ? "palette" : null;
    if (isPair && letter === "i") return "inbox";
    switch (letter) {
      case "g":
        gPressedMs = nowMs();
        return null;
      case "n":
        return "new-session";
      case "/":
        return "palette";
      case "?":
        return "help";
      case "j":
        return "next";
      case "k":
        return "previous";
      default:
        return null;
    }
  };
}
