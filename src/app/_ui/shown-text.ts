/** Text of others as it is shown, so that no character of it hides, moves or reorders what stands around it. */

/* eslint-disable no-control-regex -- control characters are what this is about */
const ESCAPES = new RegExp(
  [
    "\\u001b\\][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\|$)", // OSC: titles, links, clipboard
    "\\u001b[PX^_][^\\u001b]*(?:\\u001b\\\\|$)", // DCS, SOS, PM, APC
    "[\\u001b\\u009b]\\[?[0-?]*[ -/]*[@-~]", // CSI and two-character escapes
  ].join("|"),
  "g",
);
/** Controls but tab and newline, and what turns the direction of text around. */
const REORDERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
/** All that has no ink of its own: also joiners, fillers, tags, variation selectors and unusual spaces. */
const INKLESS = /(?! )[\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
/** Where a command goes on after more emptiness than anybody scrolls through. */
const EMPTINESS = / {40,}|\t{10,}|\n(?:[ \t]*\n){4,}/;
const UNSEEN = new RegExp(`(${EMPTINESS.source}|${INKLESS.source})`, "gu");

/** What a terminal program printed, as text: no escape sequences, and of a line that was drawn anew its last state. */
export function plainOutput(text: string): string {
  const plain = text.includes("\u001b") || text.includes("\u009b") ? text.replace(ESCAPES, "") : text;
  const drawn = plain.includes("\r")
    ? plain.replace(/\r+\n/g, "\n").replace(/^[^\n]*\r(?=[^\n])/gm, "")
    : plain;
  const typed = drawn.includes("\b") ? overtyped(drawn) : drawn;
  return withoutReordering(typed.replace(/\r/g, ""));
}

/** For prose and code: letters stay as they are, and nothing turns the text around them. */
export function withoutReordering(text: string): string {
  return text.replace(REORDERING, signOf);
}

export interface ShownPart {
  text: string;
  /** Stands for characters that would not be seen. */
  sign: boolean;
}

/** For what people approve: everything in it can be seen, joiners and long emptiness too. */
export function shownParts(text: string): ShownPart[] {
  return text.split(UNSEEN).flatMap((part, index) => {
    if (part === "") return [];
    if (index % 2 === 0 || part === "\n" || part === "\t") return [{ text: part, sign: false }];
    return part.length > 2 ? emptiness(part) : [{ text: signOf(part), sign: true }];
  });
}

/** {@link shownParts} as a string, for titles and names. */
export function shown(text: string): string {
  return shownParts(text)
    .map((part) => part.text)
    .join("");
}

function emptiness(run: string): ShownPart[] {
  const lines = run.split("\n").length - 1;
  if (lines === 0)
    return [{ text: `⟨${run.length} ${run.startsWith("\t") ? "tabs" : "spaces"}⟩`, sign: true }];
  return [
    { text: "\n", sign: false },
    { text: `⟨${lines - 1} empty lines⟩`, sign: true },
    { text: "\n", sign: false },
  ];
}

/** Unicode's control pictures where there is one, else the number. */
function signOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** Backspaces take back what stands before them, as man pages print bold. */
function overtyped(text: string): string {
  const kept: string[] = [];
  for (const character of text) {
    if (character !== "\b") kept.push(character);
    else if (kept.length > 0 && kept.at(-1) !== "\n") kept.pop();
  }
  return kept.join("");
}
