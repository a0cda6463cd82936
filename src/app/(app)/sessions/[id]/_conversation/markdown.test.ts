import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { Markdown } from "./markdown";

/** Without the class names, which say nothing of what it means. */
function drawn(text: string, streaming = false): string {
  return renderToStaticMarkup(createElement(Markdown, { text, streaming }))
    .replace(/ (?:class|dir)="[^"]*"/g, "")
    .replace(/^<div>|<\/div>$/g, "");
}

describe("Markdown of an agent", () => {
  it.each([
    [
      "emphasis",
      "a **b *c*** ~~d~~ `e`",
      "<p>a <strong>b <em>c</em></strong> <del>d</del> <code>e</code></p>",
    ],
    ["a heading", "## One `two`", "<h3>One <code>two</code></h3>"],
    ["the deepest heading", "###### Six", "<h3>Six</h3>"],
    ["a quote", "> a\n> b", "<blockquote><p>a\nb</p></blockquote>"],
    ["a list that begins at three", "3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'],
    ["a list in a list", "- a\n  - b", "<ul><li>a<ul><li>b</li></ul></li></ul>"],
    ["a list with room", "- a\n\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>"],
    ["a line break", "a  \nb", "<p>a<br/>b</p>"],
    ["a rule", "***", "<hr/>"],
    ["an escaped sign", "\\*a\\*", "<p>*a*</p>"],
    [
      "characters by name and number",
      "&lt;a&gt; &#x2014; &hellip; &nosuch;",
      "<p>&lt;a&gt; — … &amp;nosuch;</p>",
    ],
    ["code, in which nothing is a sign", "`&lt;*a*`", "<p><code>&amp;lt;*a*</code></p>"],
  ])("shows %s", (_what, text, html) => {
    expect(drawn(text)).toBe(html);
  });

  it("shows a table with the alignment of its columns", () => {
    const html = drawn("| a | b |\n| - | -: |\n| `x` | *y* |");
    expect(html).toContain('<th>a</th><th style="text-align:right">b</th>');
    expect(html).toContain('<td><code>x</code></td><td style="text-align:right"><em>y</em></td>');
  });

  it("says of a task whether it is done", () => {
    const html = drawn("- [x] a\n- [ ] b");
    expect(html).toMatch(/done:<\/span><\/span>a.*to do:<\/span><\/span>b/);
  });

  it("links to pages and mails, in a window that does not know this one", () => {
    expect(drawn("[a](https://a.example/?b=1&amp;c=2)")).toBe(
      '<p><a href="https://a.example/?b=1&amp;c=2" title="https://a.example/?b=1&amp;c=2" target="_blank" rel="noreferrer noopener">a</a></p>',
    );
    expect(drawn("https://a.example/x.")).toContain('href="https://a.example/x"');
    expect(drawn("see [it]\n\n[it]: https://a.example")).toContain('href="https://a.example"');
  });

  it.each([
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](javascript&#58;alert(1))",
    "[a](&#x6a;avascript:alert(1))",
    "[a](data:text/html,x)",
    "[a](file:///etc/passwd)",
    "[a](/sessions)",
    "[a]\n\n[a]: vbscript:x",
  ])("has no link where it would run, read or leave for nowhere: %s", (text) => {
    expect(drawn(text)).toBe("<p>a</p>");
  });

  it.each([
    "<script>x()</script>",
    "<img src=x onerror=x()>",
    "a <b onclick='x()'>b</b>",
    "<svg/onload=x()>",
    "<style>body{}</style>",
    "<!-- a -->",
    "<base href='https://a.example'>",
  ])("shows HTML as the text it is: %s", (text) => {
    const html = drawn(text);
    expect(html.replace(/<\/?p>/g, "")).not.toMatch(/[<>]/);
    expect(html).toContain("&lt;");
  });

  it("fetches no picture, and says where it would be from", () => {
    const html = drawn("![a cat](https://a.example/cat.png) ![b](data:image/png;base64,x)");
    expect(html).not.toContain("<img");
    expect(html).toContain("picture from a.example, not loaded");
    expect(html).toContain("[b]");
  });

  it("lets no character turn the text around, written as it is or as a reference", () => {
    const turning = /[\u202a-\u202e\u2066-\u2069]/;
    expect(drawn("a\u202eb &#x202e;c &#8294;d")).not.toMatch(turning);
    expect(/title="([^"]*)"/.exec(drawn("[a](https://a.example/&#x202e;b)"))?.[1]).not.toMatch(turning);
  });

  it.each([
    ["quotes in quotes", "> ".repeat(20_000)],
    ["lists in lists", "1. ".repeat(5_000)],
    ["stars around stars", `${"*".repeat(9_000)}a${"*".repeat(9_000)}`],
    ["brackets", "[".repeat(20_000)],
    ["stars in a table", `| a |\n| - |\n| ${"*".repeat(3_000)}a${"*".repeat(3_000)} |\n\n`],
    ["marks that pair across each other", `${"**a *b ".repeat(6_000)}x${"* **".repeat(6_000)}`],
    [
      "a definition for each of many links",
      Array.from({ length: 3_000 }, (_, n) => `[a${n}]: b\n\n[x]\n`).join("\n"),
    ],
  ])("shows text that is made to break it: %s", (_what, text) => {
    expect(drawn(`${text}end`).replace(/<[^>]*>/g, "")).toContain("end");
  });

  it("draws a link's picture as its name, and no link in a link", () => {
    const html = drawn("[![build](https://a.example/b.svg)](https://a.example/ci)");
    expect(html.match(/<a /g)).toHaveLength(1);
    expect(html).toContain("[build]");
  });

  it("closes what is still open while it streams", () => {
    expect(drawn("a **b", true)).toBe("<p>a <strong>b</strong></p>");
    expect(drawn("```ts\nconst a", true)).toContain("const a");
  });
});
