import { Lexer, type MarkedToken, type Token } from "marked";

/** Quotes in quotes in lists: what is deeper stands there as it was written. */
const MOST_DEPTH = 32;

/**
 * A block of Markdown (CommonMark with tables, strikethrough, task lists and bare links) as tokens. Text that the parser
 * cannot take, such as thousands of quotes in each other, is one token of plain text: showing it may not fail.
 */
export function markdownTokens(text: string): MarkedToken[] {
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
    if (token.type === "list") {
      return {
        ...token,
        items: token.items.map((item) => ({ ...item, tokens: known(item.tokens, depth + 1) })),
      };
    }
    return "tokens" in token && token.tokens ? { ...token, tokens: known(token.tokens, depth + 1) } : token;
  });
}

function plain(text: string): MarkedToken {
  return { type: "text", raw: text, text };
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
