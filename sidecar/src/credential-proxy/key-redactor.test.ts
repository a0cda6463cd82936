import { expect, test } from "vitest";
import { KeyRedactor, redactText } from "./key-redactor";

const KEY = "sk-aaab-secret";

/** What comes out, chunk by chunk, `|` between them. */
function through(key: string, chunks: string[]): string {
  const redactor = new KeyRedactor(key);
  return [
    ...chunks.map((chunk) => redactor.push(Buffer.from(chunk)).toString()),
    redactor.end().toString(),
  ].join("|");
}

test("replaces the key wherever it stands", () => {
  expect(through(KEY, [`a ${KEY} b ${KEY}${KEY}`])).toBe("a [redacted] b [redacted][redacted]|");
});

test("catches the key cut at every place, and byte by byte", () => {
  for (let cut = 1; cut < KEY.length; cut += 1) {
    const out = through(KEY, [`x${KEY.slice(0, cut)}`, `${KEY.slice(cut)}y`]);
    expect(out.replaceAll("|", "")).toBe("x[redacted]y");
  }
  expect(through(KEY, [...`x${KEY}y`]).replaceAll("|", "")).toBe("x[redacted]y");
});

test("lets chunks through at once and holds only what may be the key's beginning", () => {
  expect(through(KEY, ["data: hello\n\n", "ends in sk-a", "aa and goes on", "s", "o"])).toBe(
    "data: hello\n\n|ends in |sk-aaa and goes on||so|",
  );
});

test("a repeated beginning does not hide the key", () => {
  expect(through("aaab-aaab-key", ["aaab-aaab-aaab-", "key"]).replaceAll("|", "")).toBe("aaab-[redacted]");
});

test("a beginning at the end of the stream comes out", () => {
  expect(through(KEY, ["x sk-aaab"])).toBe("x |sk-aaab");
});

test("finds the key as JSON and as part of a URL", () => {
  const key = 'pass"word\\/+ 1';
  const text = `${JSON.stringify({ key })} ?k=${encodeURIComponent(key)} ${key}`;
  expect(redactText(text, key)).toBe('{"key":"[redacted]"} ?k=[redacted] [redacted]');
  expect(through(key, [...text]).replaceAll("|", "")).toBe('{"key":"[redacted]"} ?k=[redacted] [redacted]');
});

test("words too short to be a secret, and no key at all, change nothing", () => {
  expect(through("ollama", ["ollama says"])).toBe("ollama says|");
  expect(through("", ["text"])).toBe("text|");
});

test("bytes that are no text pass unchanged", () => {
  const bytes = Buffer.from(Array.from({ length: 4096 }, (_, index) => index % 256));
  const redactor = new KeyRedactor(KEY);
  expect(Buffer.concat([redactor.push(bytes), redactor.end()]).equals(bytes)).toBe(true);
});
