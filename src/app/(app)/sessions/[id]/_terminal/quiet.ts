import type { Terminal } from "@xterm/xterm";

const SWALLOWED = true;
const LEFT_TO_XTERM = false;

/** What xterm says when the terminal gets or loses the focus, to a program that asked for it. */
const FOCUS_REPORTS = new Set(["\u001b[I", "\u001b[O"]);

/**
 * Output is anybody's text: a file that is shown, a page that is fetched. So it makes the terminal type nothing: no
 * question of a program is answered, which several viewers and each replay would answer once more. And it reaches nothing
 * outside: OSC 52, the clipboard, is no command here whatever add-ons bring. Colours may be set and not asked for.
 */
export function keepQuiet(terminal: Terminal): void {
  const { parser } = terminal;
  const swallow = () => SWALLOWED;
  const questions = [
    // Which terminal is this: primary, secondary and tertiary attributes, and its version.
    { final: "c" },
    { prefix: ">", final: "c" },
    { prefix: "=", final: "c" },
    { prefix: ">", final: "q" },
    // Status and cursor position.
    { final: "n" },
    { prefix: "?", final: "n" },
    // Modes.
    { intermediates: "$", final: "p" },
    { prefix: "?", intermediates: "$", final: "p" },
    // The window: its size, its title.
    { final: "t" },
  ];
  for (const question of questions) parser.registerCsiHandler(question, swallow);
  parser.registerDcsHandler({ intermediates: "$", final: "q" }, swallow);
  parser.registerOscHandler(52, swallow);
  for (const colour of [4, 10, 11, 12])
    parser.registerOscHandler(colour, (data) => (data.includes("?") ? SWALLOWED : LEFT_TO_XTERM));
}

/** @returns whether xterm's `onData` brings what a person did */
export function isTyped(data: string): boolean {
  return !FOCUS_REPORTS.has(data);
}
