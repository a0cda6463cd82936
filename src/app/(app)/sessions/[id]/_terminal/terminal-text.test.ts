import { describe, expect, it } from "vitest";
import { helperSequence, withCtrl } from "./helper-keys";
import { judgePaste } from "./paste";
import { cleanTitle } from "./tab-label";
import { webAddress } from "./web-address";

describe("webAddress", () => {
  it.each(["http://127.0.0.1:3000/x?y#z", "https://example.test/"])("opens %s", (uri) => {
    expect(webAddress(uri)).toBe(uri);
  });
  it.each([
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>1</script>",
    "file:///etc/passwd",
    "vbscript:x",
    "blob:http://127.0.0.1/1",
    "//evil.example",
    "/settings",
    "http://",
    "",
  ])("does not open %j", (uri) => {
    expect(webAddress(uri)).toBeNull();
  });
  it("shows the letters that are looked up", () => {
    expect(webAddress("https://gіthub.com/")).toBe("https://xn--gthub-n2e.com/");
  });
});

describe("cleanTitle", () => {
  it("keeps one line of visible text, cut", () => {
    expect(cleanTitle("  agent@ses:\t/work\nspace ")).toBe("agent@ses:/workspace");
    expect(cleanTitle("a\u202eb\u2066c\u200bd\u0007e\u009bf\ue000")).toBe("abcdef");
    expect(cleanTitle("\u202e \u200b")).toBe("");
    expect([...cleanTitle("😀".repeat(100))]).toHaveLength(40);
  });
});

describe("judgePaste", () => {
  it("sends a line as it is, and lines to a program that takes them as text", () => {
    expect(judgePaste("ls -l\t😀é", { isBracketed: false })).toEqual({ kind: "send", text: "ls -l\t😀é" });
    expect(judgePaste("a\nb", { isBracketed: true })).toEqual({ kind: "send", text: "a\nb" });
  });
  it("asks before it gives lines to a program that runs them", () => {
    expect(judgePaste("a\r\nb\rc\n", { isBracketed: false })).toMatchObject({ kind: "ask", lines: 4 });
  });
  it("leaves no control characters in, which could end a bracketed paste", () => {
    expect(judgePaste("a\u001b[201~b\u0003c\u007fd\u009be\u0000", { isBracketed: true })).toEqual({
      kind: "send",
      text: "a[201~bcde",
    });
  });
  it("refuses what is a file", () => {
    expect(judgePaste("x".repeat(256 * 1024), { isBracketed: true }).kind).toBe("send");
    expect(judgePaste("x".repeat(256 * 1024 + 1), { isBracketed: true })).toMatchObject({
      kind: "refuse",
      message: expect.stringContaining("257 KiB") as string,
    });
  });
});

describe("keys of the row below", () => {
  it("are what a keyboard sends, in both of its modes", () => {
    expect(helperSequence("up", false)).toBe("\u001b[A");
    expect(helperSequence("left", true)).toBe("\u001bOD");
    expect([helperSequence("esc", true), helperSequence("tab", true)]).toEqual(["\u001b", "\t"]);
  });
  it("make control characters of the next key alone", () => {
    expect([withCtrl("c"), withCtrl("C"), withCtrl("["), withCtrl("@")]).toEqual([
      "\u0003",
      "\u0003",
      "\u001b",
      "\u0000",
    ]);
    expect([withCtrl("cd"), withCtrl("\u001b[A"), withCtrl("é"), withCtrl("1")]).toEqual([
      "cd",
      "\u001b[A",
      "é",
      "1",
    ]);
  });
});
