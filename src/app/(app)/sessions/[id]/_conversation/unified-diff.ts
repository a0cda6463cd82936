export interface DiffLine {
  kind: "added" | "removed" | "same" | "gap";
  text: string;
  /** Line numbers from 1; null where the line is not in that version, or its place is not known. */
  before: number | null;
  after: number | null;
}

export interface FileDiff {
  path: string | null;
  lines: DiffLine[];
  additions: number;
  deletions: number;
}

export interface ParsedDiff {
  files: FileDiff[];
  /** Every line of the text is in `files` or says nothing else than they do: who sees them has seen all of it. */
  isWhole: boolean;
}

/** A hunk's place, and how many lines of it are still to come. */
interface Hunk {
  before: number;
  after: number;
  beforeLeft: number;
  afterLeft: number;
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$/;

/** The files of a unified diff. What is no diff gives none. */
export function parseDiff(diff: string): ParsedDiff {
  const files: FileDiff[] = [];
  let file: FileDiff | null = null;
  let hunk: Hunk | null = null;
  let isWhole = true;
  const lines = linesOf(diff);
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    // As many lines as the hunk says are its content, whatever they look like.
    if (file !== null && hunk !== null && takeLine(file, hunk, line)) {
      if (hunk.beforeLeft === 0 && hunk.afterLeft === 0) hunk = null;
      continue;
    }
    if (hunk !== null) isWhole = false;
    hunk = hunkOf(line);
    if (hunk !== null) {
      if (file === null) files.push((file = newFile(null)));
      if (file.lines.length > 0) file.lines.push({ kind: "gap", text: "", before: null, after: null });
      continue;
    }
    const newer = lines[index + 1] ?? "";
    if (line.startsWith("--- ") && newer.startsWith("+++ ")) {
      file = newFile(pathOf(newer, line));
      files.push(file);
      isWhole &&= areOneFile(line, newer);
      index += 1;
    } else {
      isWhole &&= saysNothing(line, [newer, lines[index + 2] ?? ""]);
    }
  }
  const shown = files.filter((each) => each.lines.length > 0);
  return { files: shown, isWhole: isWhole && hunk === null && shown.length === files.length };
}

function hunkOf(line: string): Hunk | null {
  const [, before, beforeCount = "1", after, afterCount = "1"] = HUNK.exec(line) ?? [];
  if (before === undefined || after === undefined) return null;
  return {
    before: Number(before),
    after: Number(after),
    beforeLeft: Number(beforeCount),
    afterLeft: Number(afterCount),
  };
}

/**
 * Lines between files that repeat the path of the next or draw a rule, and the mark of a last line without its end.
 *
 * @param next the two lines after it: a path's line is followed by its file's header, or by a rule and then the header
 */
function saysNothing(line: string, next: readonly string[]): boolean {
  if (/^=*$/.test(line) || line === "\\ No newline at end of file") return true;
  const [, named] = /^Index: (.*)$/.exec(line) ?? [];
  const header = next.find((each) => each.startsWith("--- "));
  return named !== undefined && header !== undefined && named === nameOf(header);
}

function areOneFile(older: string, newer: string): boolean {
  const names = [nameOf(older), nameOf(newer)].filter((name) => name !== "/dev/null");
  return new Set(names).size === 1;
}

/** The diff of a text that takes another's place, whole, for tools that give no diff of their own. */
export function replacementDiff(path: string | null, before: string, after: string): FileDiff {
  const file = newFile(path);
  for (const text of linesOf(before)) push(file, { kind: "removed", text, before: null, after: null });
  for (const text of linesOf(after)) push(file, { kind: "added", text, before: null, after: null });
  return file;
}

/** Lines of a file's content; the newline at its end begins no line of its own. */
export function linesOf(text: string): string[] {
  if (text === "") return [];
  return (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
}

function newFile(path: string | null): FileDiff {
  return { path, lines: [], additions: 0, deletions: 0 };
}

/** @returns false when the line is none of the hunk's */
function takeLine(file: FileDiff, hunk: Hunk, line: string): boolean {
  const text = line.slice(1);
  switch (line.charAt(0)) {
    case "+":
      if (hunk.afterLeft === 0) return false;
      push(file, { kind: "added", text, before: null, after: hunk.after++ });
      hunk.afterLeft -= 1;
      return true;
    case "-":
      if (hunk.beforeLeft === 0) return false;
      push(file, { kind: "removed", text, before: hunk.before++, after: null });
      hunk.beforeLeft -= 1;
      return true;
    case " ":
    case "":
      if (hunk.beforeLeft === 0 || hunk.afterLeft === 0) return false;
      push(file, { kind: "same", text, before: hunk.before++, after: hunk.after++ });
      hunk.beforeLeft -= 1;
      hunk.afterLeft -= 1;
      return true;
    default:
      return line === "\\ No newline at end of file";
  }
}

function push(file: FileDiff, line: DiffLine): void {
  file.lines.push(line);
  if (line.kind === "added") file.additions += 1;
  if (line.kind === "removed") file.deletions += 1;
}

function pathOf(newer: string, older: string): string | null {
  return [newer, older].map(nameOf).find((path) => path !== "" && path !== "/dev/null") ?? null;
}

function nameOf(header: string): string {
  return header
    .slice(4)
    .replace(/\t.*$/, "")
    .replace(/^[ab]\//, "");
}
