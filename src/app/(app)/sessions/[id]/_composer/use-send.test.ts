import { describe, expect, it } from "vitest";
import { commandIn } from "./use-send";

describe("a command for the workspace", () => {
  it.each([
    ["!ls", "ls"],
    ["! npm test", "npm test"],
    ["!\tls", "ls"],
    ["!!", "!"],
    ["! for f in *; do\n  echo $f\ndone", "for f in *; do\n  echo $f\ndone"],
    ["!\n ls", "ls"],
  ])("stands behind an exclamation mark: %j", (text, command) => {
    expect(commandIn(text)).toBe(command);
  });

  it.each(["", "!", "!  \n", "ls", "Well done!", "say !ls", " !ls"])("is not in %j", (text) => {
    expect(commandIn(text)).toBeNull();
  });
});
