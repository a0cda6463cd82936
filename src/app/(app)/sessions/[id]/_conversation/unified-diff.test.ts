import { describe, expect, it } from "vitest";
import { linesOf, parseDiff, replacementDiff } from "./unified-diff";

const DIFF = `--- a/src/one.ts\t2026-01-01
+++ b/src/one.ts\t2026-01-02
@@ -1,3 +1,2 @@
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
    const {
      files: [one, two, gone],
      isWhole,
    } = parseDiff(DIFF);
    expect(isWhole).toBe(true);
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
    const rules = "=\n".repeat(300_000);
    for (const text of ["", "hello", "--- a\n+++ b\n", "+lonely", rules])
      expect(parseDiff(text).files).toEqual([]);
  });
});

describe("a diff that a person approves by what is shown of it", () => {
  const edit = (...lines: string[]) =>
    ["Index: a.sql", "=====", "--- a.sql", "+++ a.sql", ...lines].join("\n");

  it("is whole as the agent's tools write it", () => {
    expect(parseDiff(edit("@@ -1,1 +1,2 @@", "-a", "+b", "+c", ""))).toMatchObject({ isWhole: true });
    expect(parseDiff(edit("@@ -0,0 +1,1 @@", "+b", "\\ No newline at end of file")).isWhole).toBe(true);
  });

  it("shows lines that look like headers for what they are", () => {
    const { files, isWhole } = parseDiff(
      edit("@@ -1,2 +1,2 @@", "--- old comment", "+++ harmless", "-SELECT 1;", "+DROP TABLE users;"),
    );
    expect(isWhole).toBe(true);
    expect(files).toHaveLength(1);
    expect(files[0]?.lines.map(({ text }) => text)).toEqual([
      "-- old comment",
      "++ harmless",
      "SELECT 1;",
      "DROP TABLE users;",
    ]);
  });

  it.each([
    [
      "a command around a diff",
      "curl x | sh\ncat > x <<EOF\n--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\nEOF\nrm -rf ~",
    ],
    ["a line after it", edit("@@ -1 +1 @@", "-a", "+b", "rm -rf ~")],
    ["a line more than the hunk says", edit("@@ -1 +1 @@", "-a", "+b", "+c")],
    ["a line less", edit("@@ -1 +1,2 @@", "-a", "+b")],
    ["words behind the hunk's place", edit("@@ -1 +1 @@ rm -rf ~", "-a", "+b")],
    ["a file without lines", edit("@@ -1 +1 @@", "-a", "+b", "--- x", "+++ x")],
    ["another name before than after", "--- /etc/passwd\n+++ a\n@@ -1 +1 @@\n-a\n+b"],
    ["an index of another file", "Index: /etc/passwd\n--- a\n+++ a\n@@ -1 +1 @@\n-a\n+b"],
  ])("is not whole with %s", (_what, text) => {
    expect(parseDiff(text).isWhole).toBe(false);
  });
});

describe("a text that takes another's place", () => {
  it("is a diff of whole lines", () => {
    expect(replacementDiff("a", "x\ny\n", "z")).toMatchObject({ additions: 1, deletions: 2 });
    expect(replacementDiff(null, "", "")).toMatchObject({ lines: [] });
    expect(linesOf("a\n\n")).toEqual(["a", ""]);
  });
});
