import { describe, expect, it } from "vitest";
import { linesOf, parseDiff, replacementDiff } from "./unified-diff";

const DIFF = `--- a/src/one.ts\t2026-01-01
+++ b/src/one.ts\t2026-01-02
@@ -1,3 +1,3 @@
 same
-old
--- sql comment that goes
+new
@@ -10 +10,2 @@
 tail
+more
\\ No newline at end of file
--- /dev/null
+++ b/two.ts
@@ -0,0 +1 @@
+only
--- a/gone.ts
+++ /dev/null
@@ -1 +0,0 @@
-bye
`;

describe("a unified diff", () => {
  it("gives its files with their lines, numbers and gaps", () => {
    const [one, two, gone] = parseDiff(DIFF);
    expect(one).toMatchObject({ path: "src/one.ts", additions: 2, deletions: 2 });
    expect(one?.lines.map(({ kind, before, after }) => [kind, before, after])).toEqual([
      ["same", 1, 1],
      ["removed", 2, null],
      ["removed", 3, null],
      ["added", null, 2],
      ["gap", null, null],
      ["same", 10, 10],
      ["added", null, 11],
    ]);
    expect(one?.lines[2]?.text).toBe("-- sql comment that goes");
    expect(two).toMatchObject({ path: "two.ts", additions: 1, deletions: 0 });
    expect(gone).toMatchObject({ path: "gone.ts", additions: 0, deletions: 1 });
  });

  it("is none when the text is none", () => {
    for (const text of ["", "hello", "--- a\n+++ b\n", "+lonely"]) expect(parseDiff(text)).toEqual([]);
  });
});

describe("a text that takes another's place", () => {
  it("is a diff of whole lines", () => {
    expect(replacementDiff("a", "x\ny\n", "z")).toMatchObject({ additions: 1, deletions: 2 });
    expect(replacementDiff(null, "", "")).toMatchObject({ lines: [] });
    expect(linesOf("a\n\n")).toEqual(["a", ""]);
  });
});
