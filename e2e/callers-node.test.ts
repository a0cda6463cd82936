import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT, runExample } from "./harness";

describe("an example", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "oa-example-"));
    writeFileSync(join(dir, "version.ts"), "console.log(process.version);\n");
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it("runs on the Node of whoever calls it, not on the one that these tests or the server run on", async () => {
    // npm tells its scripts which Node it runs on: that is the system's, as a person's `npx` finds it.
    const callers = process.env["npm_node_execpath"] ?? "node";
    const { stdout: version } = await promisify(execFile)(callers, ["-p", "process.version"]);
    const name = relative(join(ROOT, "examples"), join(dir, "version.ts"));
    expect(await runExample(name, { url: "", token: "" })).toEqual({ stdout: version, code: 0 });
  });
});
