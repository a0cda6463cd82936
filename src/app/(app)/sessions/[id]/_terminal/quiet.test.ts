import { Terminal } from "@xterm/xterm";
import { describe, expect, it } from "vitest";
import { isTyped, keepQuiet } from "./quiet";

const ST = "\u001b\\";

/** xterm's parser without a page. @returns what it would type for what is written */
async function typedFor(output: string, opts: { isQuiet: boolean }): Promise<string[]> {
  const terminal = new Terminal({ allowProposedApi: true });
  const typed: string[] = [];
  terminal.onData((data) => typed.push(data));
  if (opts.isQuiet) keepQuiet(terminal);
  await new Promise<void>((resolve) => terminal.write(output, resolve));
  terminal.dispose();
  return typed;
}

describe("output", () => {
  const questions = {
    attributes: "\u001b[c\u001b[0c",
    "secondary attributes": "\u001b[>c",
    status: "\u001b[5n",
    "cursor position": "\u001b[6n\u001b[?6n",
    modes: "\u001b[4$p\u001b[?25$p",
    settings: `\u001bP$q"p${ST}\u001bP$qm${ST}`,
  };
  it.each(Object.entries(questions))("that asks for %s makes nothing be typed", async (_, output) => {
    expect(await typedFor(output, { isQuiet: false })).not.toEqual([]);
    expect(await typedFor(output, { isQuiet: true })).toEqual([]);
  });

  it.each([
    ["tertiary attributes", "\u001b[=c"],
    ["the version", "\u001b[>q"],
    ["the title and the size", "\u001b[21t\u001b[20t\u001b[18t\u001b[14t"],
    ["colours", `\u001b]4;1;?${ST}\u001b]10;?${ST}\u001b]11;?\u0007\u001b]12;?${ST}`],
    ["an answer back", "\u0005"],
    ["the clipboard", `\u001b]52;c;?${ST}`],
  ])("that asks for %s makes nothing be typed either", async (_, output) => {
    expect(await typedFor(output, { isQuiet: true })).toEqual([]);
  });

  it("goes on behind a question that was swallowed", async () => {
    const terminal = new Terminal({ allowProposedApi: true });
    keepQuiet(terminal);
    const output = `a\u001b]52;c;aGk=${ST}b\u001b[6nc\u001bP$qm${ST}d`;
    await new Promise<void>((resolve) => terminal.write(output, resolve));
    expect(terminal.buffer.active.getLine(0)?.translateToString(true)).toBe("abcd");
  });
});

it("tells a person's keys from what xterm says of the focus", () => {
  expect(["\u001b[I", "\u001b[O", "\u001b[A", "I", "\u001b"].map(isTyped)).toEqual([
    false,
    false,
    true,
    true,
    true,
  ]);
});
