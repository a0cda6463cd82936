import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "./lib/environment.mjs";
import { readJson } from "./lib/freshness.mjs";

/**
 * The oldest version of each package without a known hole that matters here; where two lines are kept alive, the oldest of
 * each. A version of a line that has no floor is below it, one of a line after the last is not.
 */
const FLOORS: Record<string, string[]> = {
  // Middleware bypasses, code execution in server components, requests to anywhere by an upgrade or a server action.
  next: ["15.5.21", "16.2.11"],
  // A sign-in error taken for a person (CVE-2026-73421), and four more.
  "next-auth": ["4.24.15", "5.0.0-beta.32"],
  "@auth/core": ["0.41.3"],
  // Attachments that exhaust the memory (CVE-2026-33151, CVE-2026-69185).
  "socket.io-parser": ["4.2.7"],
  // Polling requests that hold connections (CVE-2026-59725), `sid=__proto__` (CVE-2026-59724).
  "engine.io": ["6.6.7"],
  // The first with maxBatchSize: thousands of calls in one request.
  "@trpc/server": ["11.15.0"],
  // Concurrent seals reuse a nonce (CVE-2025-64767).
  "@hpke/core": ["1.7.5"],
  // Body limits that chunked bodies skip (CVE-2026-44456), and three more.
  hono: ["4.12.25"],
  // Anyone may run code (CVE-2026-22812).
  "opencode-linux-x64": ["1.0.216"],
};
/** May be missing: only next-auth 5 brings it along. */
const NOT_HERE = ["@auth/core"];

interface Lock {
  packages: Record<string, { version?: string; name?: string }>;
}
const LOCK = readJson(join(ROOT, "package-lock.json")) as Lock;

describe("the lock file", () => {
  it("holds no version below its floor, nested ones neither", () => {
    expect(belowFloor(LOCK)).toEqual([]);
  });

  it("holds every package of the table, under the name that the table gives it", () => {
    const held = new Set(entriesOf(LOCK).map(({ name }) => name));
    expect(Object.keys(FLOORS).filter((name) => !held.has(name))).toEqual(NOT_HERE);
  });
});

describe("belowFloor", () => {
  const lockWith = (path: string, version: string, name?: string): Lock => ({
    packages: { "": { version: "0.0.1" }, [path]: { version, ...(name && { name }) } },
  });

  it("says which package, where, which version and which floor", () => {
    expect(belowFloor(lockWith("node_modules/hono", "4.12.24"))).toEqual([
      "hono is locked at 4.12.24 (node_modules/hono), below its floor 4.12.25",
    ]);
    expect(belowFloor(lockWith("node_modules/a/node_modules/@hpke/core", "1.7.4"))).toEqual([
      "@hpke/core is locked at 1.7.4 (node_modules/a/node_modules/@hpke/core), below its floor 1.7.5",
    ]);
    expect(belowFloor(lockWith("node_modules/alias", "4.2.6", "socket.io-parser"))).toHaveLength(1);
  });

  it.each([
    ["next", "16.2.10"],
    ["next", "16.2.11-canary.3"],
    ["next", "15.5.20"],
    ["next", "14.2.35"],
    ["next-auth", "4.24.14"],
    ["next-auth", "5.0.0-beta.4"],
    ["next-auth", "5.0.0-beta.31"],
    ["engine.io", "6.6.6"],
    ["engine.io", "6.5.100"],
    ["opencode-linux-x64", "1.0.215"],
  ])("refuses %s %s", (name, version) => {
    expect(belowFloor(lockWith(`node_modules/${name}`, version))).toHaveLength(1);
  });

  it.each([
    ["next", "16.2.11"],
    ["next", "15.5.21"],
    ["next", "17.0.0"],
    ["next-auth", "4.24.15"],
    ["next-auth", "5.0.0-beta.32"],
    ["next-auth", "5.0.0"],
    ["engine.io", "6.10.0"],
    ["next-auth", "5.0.0-beta.100"],
  ])("takes %s %s", (name, version) => {
    expect(belowFloor(lockWith(`node_modules/${name}`, version))).toEqual([]);
  });
});

/** A sentence for each entry that is too old. */
function belowFloor(lock: Lock): string[] {
  return entriesOf(lock).flatMap(({ name, path, version }) => {
    const floors = FLOORS[name] ?? [];
    const line = floors.find((floor) => majorOf(floor) >= majorOf(version));
    if (line === undefined || compareVersions(version, line) >= 0) return [];
    return [`${name} is locked at ${version} (${path}), below its floor ${line}`];
  });
}

function entriesOf(lock: Lock): { name: string; path: string; version: string }[] {
  return Object.entries(lock.packages).flatMap(([path, { name, version }]) => {
    const place = path.lastIndexOf("node_modules/");
    if (place < 0 || version === undefined) return [];
    return [{ name: name ?? path.slice(place + "node_modules/".length), path, version }];
  });
}

function majorOf(version: string): number {
  return Number(version.split(".")[0]);
}

/** By semver's order, as far as the table needs it: below 0 when a comes before b. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (const index of [...left, ...right].keys()) {
    const [mine, other] = [left[index], right[index]];
    if (mine === other) continue;
    // A pre-release has more parts than its release, and comes before it.
    if (mine === undefined || other === undefined) return mine === undefined ? 1 : -1;
    if (typeof mine === "number" && typeof other === "number") return mine - other;
    return String(mine) < String(other) ? -1 : 1;
  }
  return 0;
}

/** `5.0.0-beta.4` as [5, 0, 0, "beta", 4]. */
function partsOf(version: string): (number | string)[] {
  return version.split(/[.-]/).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}
