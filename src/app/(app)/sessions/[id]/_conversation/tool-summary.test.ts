import { describe, expect, it } from "vitest";
import type { ToolView } from "../../../../../timeline/view";
import { diffsOf, readableOutput, summaryOf } from "./tool-summary";

function tool(name: string, input: Record<string, unknown>, over: Partial<ToolView> = {}): ToolView {
  return {
    name,
    input,
    output: "",
    status: "completed",
    title: null,
    durationMs: null,
    exitCode: null,
    diff: null,
    error: null,
    ...over,
  };
}

describe("a tool in one line", () => {
  it.each<[ToolView, object]>([
    [
      tool("bash", { command: "npm test" }, { exitCode: 1 }),
      { verb: "Run", object: "npm test", result: "exit 1" },
    ],
    [tool("bash", { command: "ls" }, { exitCode: 0 }), { object: "ls", result: null }],
    [
      tool("read", { filePath: "/workspace/a/b.ts", offset: 10, limit: 5 }),
      { object: "a/b.ts", isPath: true, result: "lines 10–14" },
    ],
    [
      tool("write", { filePath: "/workspace/a", content: "1\n2\n" }),
      { changed: { additions: 2, deletions: 0 } },
    ],
    [
      tool("grep", { pattern: "x", path: "/workspace/src" }, { output: "Found 1 matches" }),
      { object: "x in src", result: "1 match" },
    ],
    [tool("glob", { pattern: "*" }, { output: "No files found" }), { result: "nothing found" }],
    [
      tool("todowrite", { todos: [{ status: "completed" }, { status: "pending" }, "odd"] }),
      { result: "1 of 2 done" },
    ],
    [tool("list", {}), { object: ".", isPath: true }],
    [tool("acme_lookup", { n: 1, q: "cats" }), { look: "other", verb: "acme_lookup", object: "cats" }],
    [tool("constructor", { q: "cats" }), { look: "other", verb: "constructor", object: "cats" }],
    [tool("bash", { command: ["not", "text"] }, { title: "List files" }), { object: "List files" }],
  ])("%#: says what was done and what came of it", (view, line) => {
    expect(summaryOf(view)).toMatchObject(line);
  });

  it("counts no lines of a text that was cut", () => {
    const content = "a\n… (9000 more characters are not shown)";
    expect(summaryOf(tool("write", { filePath: "a", content })).changed).toBeNull();
  });
});

describe("what a tool changed", () => {
  it("is its own diff where it gives one, else made of what it was told to write", () => {
    const diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
    expect(diffsOf(tool("edit", { filePath: "x", oldString: "?", newString: "!" }, { diff }))).toMatchObject([
      { path: "x", additions: 1, deletions: 1 },
    ]);
    const edits = [{ oldString: "a", newString: "b\nc" }, "odd", { newString: "" }];
    expect(diffsOf(tool("multiedit", { filePath: "x", edits }))).toMatchObject([
      { additions: 2, deletions: 1 },
    ]);
    expect(diffsOf(tool("write", {}))).toEqual([]);
  });
});

describe("output", () => {
  it("is shown without what is put around it for the model", () => {
    expect(readableOutput(tool("read", {}, { output: "<content>\n1: a\n</content>" }))).toBe("1: a");
    expect(readableOutput(tool("task", {}, { output: "id\n<task_result>\ndone\n</task_result>" }))).toBe(
      "done",
    );
    expect(readableOutput(tool("bash", {}, { output: "<content>x</content>" }))).toBe("<content>x</content>");
  });
});
