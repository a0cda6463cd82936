import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONVEX_MODULES } from "../src/server/compose-mirror";

const ROOT = join(import.meta.dirname, "..");
const GENERATED = join(ROOT, "convex/_generated");

describe("convex/_generated", () => {
  let copy: string;
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), "oa-convex-"));
    cpSync(join(ROOT, "convex"), join(copy, "convex"), { recursive: true });
    cpSync(join(ROOT, "package.json"), join(copy, "package.json"));
    cpSync(join(ROOT, "tsconfig.json"), join(copy, "tsconfig.json"));
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it("is what Convex's own generator makes of convex/", async () => {
    // The flag is meant for Convex's own functions and is the one way to generate without a deployment.
    const args = [
      join(ROOT, "node_modules/convex/bin/main.js"),
      "codegen",
      "--system-udfs",
      "--typecheck",
      "disable",
    ];
    const told = await new Promise<string>((resolve) => {
      execFile(process.execPath, args, { cwd: copy }, (error, stdout, stderr) =>
        resolve(error ? `${stdout}${stderr}` : ""),
      );
    });
    expect(
      told,
      "If the generator lacks --system-udfs now: run `npx convex codegen` against a deployment, commit what it makes, and compare in another way here.",
    ).toBe("");
    const files = readdirSync(GENERATED);
    expect(readdirSync(join(copy, "convex/_generated"))).toEqual(files);
    for (const file of files) {
      const made = readFileSync(join(copy, "convex/_generated", file), "utf8");
      expect(squeezed(readFileSync(join(GENERATED, file), "utf8")), file).toBe(squeezed(made));
    }
  });

  it("names the modules that the embedded host runs, all of them", () => {
    const files = readdirSync(join(ROOT, "convex"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => relative(join(ROOT, "convex"), join(entry.parentPath, entry.name)))
      .filter((file) => !/^(_generated|model)\//.test(file))
      // Convex leaves out what has a second dot in its name: tests, and its own configuration.
      .filter((file) => file !== "schema.ts" && !file.replace(/\.ts$/, "").includes("."));
    expect(files.map((file) => file.replace(/\.ts$/, "")).sort()).toEqual(Object.keys(CONVEX_MODULES).sort());
  });
});

/** Line ends and commas are the formatter's. */
function squeezed(text: string): string {
  return text.replace(/[\s,;]+/g, "");
}
