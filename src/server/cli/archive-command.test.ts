import { describe, expect, it } from "vitest";
import { parseArchiveCommand } from "./archive-command";

describe("the words of backup and restore", () => {
  const parse = (words: string, takesReplace = true) =>
    parseArchiveCommand(words.split(" "), { cwd: "/work", takesReplace });

  it("name one file, from where they are said", () => {
    expect(parse("a.age")).toEqual({ file: "/work/a.age", passphraseFrom: "elsewhere", replace: false });
    expect(parse("/b.age --passphrase-stdin --replace")).toEqual({
      file: "/b.age",
      passphraseFrom: "stdin",
      replace: true,
    });
    expect(parse("--help")).toMatchObject({ file: null });
  });

  it.each([
    ["a.age b.age", true, /Name one file/],
    ["a.age --force", true, /--force/],
    ["a.age --replace", false, /for restore/],
  ])("are refused where they ask for what there is not: %s", (words, takesReplace, why) => {
    expect(() => parse(words, takesReplace)).toThrow(why);
  });
});
