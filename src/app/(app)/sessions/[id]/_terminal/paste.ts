/** A paste above this is a file, and goes another way. UTF-16 units. */
const MAX_PASTE_UNITS = 256 * 1024;

export type PasteVerdict =
  | { kind: "send"; text: string }
  /** A shell would run each line as it comes. */
  | { kind: "ask"; text: string; lines: number }
  | { kind: "refuse"; message: string };

/**
 * What becomes of pasted text. Control characters go: a page can put into the clipboard what nobody sees there, and the
 * end mark of a bracketed paste among it would turn the rest into typed keys.
 * @param opts.isBracketed the program takes pasted lines as text
 */
export function judgePaste(pasted: string, opts: { isBracketed: boolean }): PasteVerdict {
  if (pasted.length > MAX_PASTE_UNITS) {
    return {
      kind: "refuse",
      message: `This paste has ${Math.ceil(pasted.length / 1024)} KiB and a terminal takes ${MAX_PASTE_UNITS / 1024} KiB at once. Put it into a file.`,
    };
  }
  const text = pasted.replace(/[^\P{Cc}\t\n\r]/gu, "");
  const lines = text.split(/\r\n|\r|\n/).length;
  return lines > 1 && !opts.isBracketed ? { kind: "ask", text, lines } : { kind: "send", text };
}
