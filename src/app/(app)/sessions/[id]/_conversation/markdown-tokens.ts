import { Lexer, type MarkedToken, type Token } from "marked";

/** Quotes in quotes in lists: what is deeper stands there as it was written. */
const MOST_DEPTH = 32;
/** Runs of `*` and `_` in a block: the time to pair them grows with their square, and prose has a few. */
const MOST_MARKS = 2_000;

/**
 * A block of Markdown (CommonMark with tables, strikethrough, task lists and bare links) as tokens. Text that the parser
 * cannot take in time, such as thousands of marks or of quotes in each other, is shown as it was written: reading it may
 * not fail.
 */
export function markdownTokens(text: string): MarkedToken[] {
  if ((text.match(/\*+|_+/g)?.length ?? 0) > MOST_MARKS) return [plain(text)];
  try {
    return known(new Lexer({ gfm: true }).lex(text), 0);
  } catch (error) {
    if (error instanceof RangeError) return [plain(text)];
    throw error;
  }
}

/** The tokens within a token of {@link markdownTokens}; no other kinds come, as the lexer has no extensions. */
export function innerTokens(token: { tokens?: Token[] }): MarkedToken[] {
  return (token.tokens ?? []) as MarkedToken[];
}

function known(tokens: Token[], depth: number): MarkedToken[] {
  return (tokens as MarkedToken[]).map((token) => {
    if (depth > MOST_DEPTH) return plain(token.raw);
    const within = <T extends { tokens: Token[] }>(part: T): T => ({
      ...part,
      tokens: known(part.tokens, depth + 1),
    });
    if (token.type === "list") return { ...token, items: token.items.map(within) };
    if (token.type === "table") {
      return { ...token, header: token.header.map(within), rows: token.rows.map((row) => row.map(within)) };
    }
    return "tokens" in token && token.tokens ? { ...token, tokens: known(token.tokens, depth + 1) } : token;
  });
}

/** HTML is shown as the text it is, and so is this. */
function plain(text: string): MarkedToken {
  return { type: "html", block: true, pre: false, raw: text, text };
}

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  apos: "'",
  bull: "•",
  copy: "©",
  gt: ">",
  hellip: "…",
  larr: "←",
  lt: "<",
  mdash: "—",
  middot: "·",
  nbsp: "\u00a0",
  ndash: "–",
  quot: '"',
  rarr: "→",
  times: "×",
};

/** Character references, as the parser leaves them in text: by number, and by the names that prose uses; others stay as written. */
export function withCharacters(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,6}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED[String(name)] ?? whole;
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(String(hex), 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
