import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { readBootLine } from "./boot-line";

const boot = { token: "t".repeat(43), sessionId: "ses_1", instanceId: "ins_1" };

it("takes the first line, also in pieces, and leaves the rest", async () => {
  const input = new PassThrough();
  const read = readBootLine(input);
  const text = `${JSON.stringify(boot)}\nmore`;
  for (const character of text) input.write(character);
  expect(await read).toEqual(boot);
});

it.each([
  ["an end without a line", ""],
  ["no JSON", "hello\n"],
  ["a short token", `${JSON.stringify({ ...boot, token: "hunter2" })}\n`],
  ["an endless line", "x".repeat(10_000)],
])("refuses %s, without quoting it", async (_what, text) => {
  const input = new PassThrough();
  input.end(text);
  const error = await readBootLine(input).catch((failure: unknown) => failure);
  expect(String(error)).toBe("Error: standard input did not bring a boot line");
});
