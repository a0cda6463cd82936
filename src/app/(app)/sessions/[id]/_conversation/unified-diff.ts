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

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;

/** The files of a unified diff. What is no diff gives none. */
export function parseDiff(diff: string): FileDiff[] {
  const files: FileDiff[] = [];
  let file: FileDiff | null = null;
  let at: { before: number; after: number } | null = null;
  const lines = diff.split("\n");
  for (const [index, line] of lines.entries()) {
    const hunk = HUNK.exec(line);
    // A removed line may itself begin with "-- ": only the pair of headers begins a file.
    if (line.startsWith("--- ") && lines[index + 1]?.startsWith("+++ ")) {
      file = newFile(pathOf(lines[index + 1] ?? "", line));
      files.push(file);
      at = null;
    } else if (hunk) {
      if (file === null) files.push((file = newFile(null)));
      if (file.lines.length > 0) file.lines.push({ kind: "gap", text: "", before: null, after: null });
      at = { before: Number(hunk[1]), after: Number(hunk[2]) };
    } else if (file !== null && at !== null) {
      takeLine(file, at, line);
    }
  }
  return files.filter((each) => each.lines.length > 0);
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

function takeLine(file: FileDiff, at: { before: number; after: number }, line: string): void {
  const text = line.slice(1);
  switch (line.charAt(0)) {
    case "+":
      push(file, { kind: "added", text, before: null, after: at.after });
      at.after += 1;
      break;
    case "-":
      push(file, { kind: "removed", text, before: at.before, after: null });
      at.before += 1;
      break;
    case " ":
      push(file, { kind: "same", text, before: at.before, after: at.after });
      at.before += 1;
      at.after += 1;
      break;
    default: // "\ No newline at end of file", headers of the next file
  }
}

function push(file: FileDiff, line: DiffLine): void {
  file.lines.push(line);
  if (line.kind === "added") file.additions += 1;
  if (line.kind === "removed") file.deletions += 1;
}

function pathOf(newer: string, older: string): string | null {
  const named = [newer, older].map((line) =>
    line
      .slice(4)
      .replace(/\t.*$/, "")
      .replace(/^[ab]\//, ""),
  );
  return named.find((path) => path !== "" && path !== "/dev/null") ?? null;
}
