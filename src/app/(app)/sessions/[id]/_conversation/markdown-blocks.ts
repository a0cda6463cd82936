const FENCE = /^\s*(?:>\s*)*(?:(?:[-+*]|\d{1,9}[.)])\s+)*(`{3,}|~{3,})(.*)$/;
const LIST_ITEM = /^ {0,3}(?:[-+*]|\d{1,9}[.)])(?:\s|$)/;
const DEFINITION = /^ {0,3}\[([^\]\n]+)\]:\s*\S/;
/** Each block is looked through for each of them. */
const MOST_DEFINITIONS = 200;

interface Definition {
  /** Lower case, as links name it in brackets. */
  link: string;
  line: string;
}

interface Fence {
  mark: string;
  length: number;
}

/**
 * Markdown cut at blank lines into pieces that mean the same one by one, so that text which is appended changes the last
 * piece alone. Where a cut could change the meaning (fences, lists, indented lines) there is none. Link definitions go
 * with every piece that uses them.
 */
export function markdownBlocks(text: string): string[] {
  const blocks: string[] = [];
  const definitions: Definition[] = [];
  let lines: string[] = [];
  let fence: Fence | null = null;
  let blankBefore = false;
  let inList = false;
  for (const line of text.split("\n")) {
    const blank = line.trim() === "";
    const joined = /^\s/.test(line) || (inList && LIST_ITEM.test(line));
    if (fence === null && blankBefore && !blank && !joined && lines.length > 0) {
      blocks.push(trimmedEnd(lines));
      lines = [];
      inList = false;
    }
    if (fence === null && LIST_ITEM.test(line)) inList = true;
    const [, label] = (fence === null && DEFINITION.exec(line)) || [];
    if (label !== undefined && definitions.length < MOST_DEFINITIONS)
      definitions.push({ link: `[${label.toLowerCase()}]`, line });
    fence = fenceAfter(fence, line);
    lines.push(line);
    blankBefore = blank;
  }
  if (lines.some((line) => line.trim() !== "")) blocks.push(lines.join("\n"));
  return definitions.length === 0 ? blocks : blocks.map((block) => withDefinitions(block, definitions));
}

/** Is the text's last fence still open? Then its code is still being written. */
export function endsInFence(text: string): boolean {
  let fence: Fence | null = null;
  for (const line of text.split("\n")) fence = fenceAfter(fence, line);
  return fence !== null;
}

function fenceAfter(fence: Fence | null, line: string): Fence | null {
  const [, run, rest] = FENCE.exec(line) ?? [];
  if (run === undefined || rest === undefined) return fence;
  const mark = run.charAt(0);
  if (fence === null) return mark === "`" && rest.includes("`") ? null : { mark, length: run.length };
  const closes = mark === fence.mark && run.length >= fence.length && rest.trim() === "";
  return closes ? null : fence;
}

function withDefinitions(block: string, definitions: readonly Definition[]): string {
  if (!block.includes("[")) return block;
  const text = block.toLowerCase();
  const wanted = definitions.filter(({ link, line }) => text.includes(link) && !block.includes(line));
  return wanted.length > 0 ? `${block}\n\n${wanted.map(({ line }) => line).join("\n")}` : block;
}

function trimmedEnd(lines: string[]): string {
  return lines.join("\n").trimEnd();
}
