import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "./lib/environment.mjs";

describe("postinstall", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "oa-postinstall-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it("leaves no program in node_modules/.bin that would come before the system's Node or npm", () => {
    const bin = join(dir, "node_modules/.bin");
    mkdirSync(bin, { recursive: true });
    for (const name of ["node", "npm", "npx", "tsx"]) writeFileSync(join(bin, name), "");
    cpSync(join(ROOT, "scripts/postinstall.mjs"), join(dir, "scripts/postinstall.mjs"));
    const run = () => execFileSync(process.execPath, [join(dir, "scripts/postinstall.mjs")]);
    run();
    expect(readdirSync(bin)).toEqual(["tsx"]);
    run();
    expect(readdirSync(bin)).toEqual(["tsx"]);
  });
});

describe("the scripts that run before `npm ci`, on whatever Node there is", () => {
  const scripts = readdirSync(join(ROOT, "scripts"), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".mjs"),
  );

  it.each(scripts)("%s does without import.meta.dirname, which Node 20.9 and 20.10 do not have", (file) => {
    expect(readFileSync(join(ROOT, "scripts", file), "utf8")).not.toMatch(/import\.meta\.(dirname|filename)/);
  });
});
