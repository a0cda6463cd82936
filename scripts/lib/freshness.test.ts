import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hashSources, packagesAreCurrent, unlessFresh } from "./freshness.mjs";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openagent-fresh-"));
  await mkdir(join(dir, "src/deep"), { recursive: true });
  await writeFile(join(dir, "src/deep/a.ts"), "a");
  await writeFile(join(dir, "next.config.ts"), "n");
});
afterEach(async () => rm(dir, { recursive: true }));

describe("hashSources", () => {
  const hash = () => hashSources(dir, ["src", "next.config.ts", "convex"]);

  it("changes with a file's content, name and presence, and with nothing else", async () => {
    const before = hash();
    expect(hash()).toBe(before);
    await writeFile(join(dir, "README.md"), "not a source");
    expect(hash()).toBe(before);
    await writeFile(join(dir, "src/deep/a.ts"), "b");
    const changed = hash();
    expect(changed).not.toBe(before);
    await writeFile(join(dir, "src/deep/b.ts"), "");
    expect(hash()).not.toBe(changed);
  });
});

describe("unlessFresh", () => {
  it("works once for the same sources, again for others, and again when the product is gone", async () => {
    const product = join(dir, "product");
    const stamp = { stampFile: join(dir, "out/.stamp"), hash: "1", product };
    const work = () => writeFile(product, "made");
    expect(await unlessFresh(stamp, work)).toBe(true);
    expect(await unlessFresh(stamp, work)).toBe(false);
    expect(await unlessFresh({ ...stamp, hash: "2" }, work)).toBe(true);
    await rm(product);
    expect(await unlessFresh({ ...stamp, hash: "2" }, work)).toBe(true);
  });

  it("does work again that broke off", async () => {
    const stamp = { stampFile: join(dir, ".stamp"), hash: "1", product: dir };
    await expect(unlessFresh(stamp, () => Promise.reject(new Error("disk full")))).rejects.toThrow(
      "disk full",
    );
    expect(await unlessFresh(stamp, () => Promise.resolve())).toBe(true);
  });
});

describe("packagesAreCurrent", () => {
  const lock = {
    packages: {
      "": { version: "0.1.0" },
      "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
      "node_modules/a-darwin": { version: "1.0.0", integrity: "sha512-d", optional: true },
    },
  };
  const a = { version: "1.0.0", integrity: "sha512-a" };

  it("accepts an installation without the optional packages of other platforms", () => {
    expect(packagesAreCurrent(lock, { packages: { "node_modules/a": a } })).toBe(true);
  });

  it.each([
    ["nothing is installed", undefined],
    ["a package is missing", { packages: {} }],
    ["a version differs", { packages: { "node_modules/a": { ...a, version: "1.0.1" } } }],
    ["a content differs", { packages: { "node_modules/a": { ...a, integrity: "sha512-x" } } }],
    [
      "an optional one is of another version",
      { packages: { "node_modules/a": a, "node_modules/a-darwin": { ...a, version: "0.9.0" } } },
    ],
  ])("refuses it when %s", (_when, installed) => {
    expect(packagesAreCurrent(lock, installed)).toBe(false);
  });
});
