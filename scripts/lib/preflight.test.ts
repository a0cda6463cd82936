import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseEnvironment } from "./environment.mjs";
import { GIB } from "./disk-space.mjs";
import {
  checkHost,
  checkMachine,
  checkPort,
  machineProblems,
  makeDataDirectory,
  portProblem,
} from "./preflight.mjs";

const disk = {
  what: "The checkout",
  directory: "/srv/openagent",
  device: 1,
  freeBytes: 10 * GIB,
  neededBytes: 2 * GIB,
  next: "Free some.",
};
const good = {
  nodeVersion: "20.9.0",
  platform: "linux",
  arch: "x64",
  memoryBytes: 8 * GIB,
  disks: [disk],
};

describe("machineProblems", () => {
  it("finds none on a machine that will do", () => {
    expect(machineProblems(good)).toEqual([]);
    expect(machineProblems({ ...good, nodeVersion: "24.0.0" })).toEqual([]);
  });

  it.each([
    [{ nodeVersion: "20.8.1" }, /Node 20\.9 or newer/],
    [{ nodeVersion: "18.20.0" }, /Node 20\.9 or newer/],
    [{ platform: "darwin", arch: "arm64" }, /Linux on x64/],
    [{ disks: [{ ...disk, freeBytes: GIB }] }, /The checkout \/srv\/openagent lacks 1\.0 GiB of free disk/],
    [{ memoryBytes: GIB }, /2\.0 GiB of memory are needed/],
  ])("names what is wrong and its fix: %o", (change, problem) => {
    const problems = machineProblems({ ...good, ...change });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it("names several at once", () => {
    expect(machineProblems({ ...good, nodeVersion: "16.0.0", memoryBytes: GIB })).toHaveLength(2);
  });
});

describe("checkMachine", () => {
  // A file system that has no room by its nature.
  const full = "/proc";

  it("looks at the checkout first, where the packages and the build go, and asks for less once they are there", () => {
    const check = (firstTime: boolean) => () => checkMachine({ rootDir: full, dataDir: tmpdir(), firstTime });
    expect(check(true)).toThrow(/^The checkout \/proc lacks 2\.0 GiB of free disk.*move it to a larger disk/);
    expect(check(false)).toThrow(/^The checkout \/proc lacks 0\.5 GiB/);
  });

  it("looks at the data directory's own disk too", () => {
    const onlyDataIsFull = { rootDir: tmpdir(), dataDir: full, firstTime: false };
    expect(() => checkMachine(onlyDataIsFull)).toThrow(
      /^The data directory \/proc lacks .*set OPENAGENT_DATA_DIR to a larger disk/,
    );
    expect(() => checkMachine({ ...onlyDataIsFull, dataDir: tmpdir() })).not.toThrow();
  });
});

describe("makeDataDirectory", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "oa-data-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it("makes it for this user alone, and takes one that is there", () => {
    const dataDir = join(dir, "deep/data");
    expect(makeDataDirectory(dataDir)).toBe(join(dataDir, "up.lock"));
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(makeDataDirectory(dataDir)).toBe(join(dataDir, "up.lock"));
  });

  it("refuses one that cannot be, and says what to do", () => {
    writeFileSync(join(dir, "file"), "");
    expect(() => makeDataDirectory(join(dir, "file"))).toThrow(/set OPENAGENT_DATA_DIR to another place/);
    expect(() => makeDataDirectory(join(dir, "file/data"))).toThrow(/cannot write to the data directory/);
  });

  it("refuses one that is another user's", () => {
    chmodSync(dir, 0o500);
    asAnotherUser(() => {
      expect(() => makeDataDirectory(dir)).toThrow(/run this as the user whose it is/);
    });
  });

  /** Root may write everywhere, so there the test takes another uid for a moment. */
  function asAnotherUser(act: () => void): void {
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      act();
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  }
});

describe("checkHost", () => {
  const check = (variables: Record<string, string>) => checkHost(parseEnvironment(variables, "/srv"));

  it("refuses an address at which nobody could open the server, unless OPENAGENT_URL names another", () => {
    const HOST = "192.0.2.7";
    expect(() => check({ HOST })).toThrow(/nobody could open the server.*Set OPENAGENT_URL/);
    expect(check({ HOST, OPENAGENT_URL: "http://192.0.2.7:3000" })).toBeUndefined();
  });

  it("lets all addresses pass with a hint, and loopback without one", () => {
    expect(check({ HOST: "0.0.0.0" })).toMatch(/For any other address set OPENAGENT_URL/);
    expect(check({ HOST: "::1" })).toBeUndefined();
    expect(check({})).toBeUndefined();
  });
});

describe("checkPort", () => {
  it("refuses a port that another program has, and names another one", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(checkPort({ host: "127.0.0.1", port })).rejects.toThrow(`PORT=${port + 1} npm run up`);
    await new Promise((resolve) => other.close(resolve));
    await expect(checkPort({ host: "127.0.0.1", port })).resolves.toBeUndefined();
  });

  it("has a next step for each kind of refusal", () => {
    expect(portProblem({ host: "127.0.0.1", port: 80, code: "EACCES" })).toMatch(/Choose one from 1024/);
    expect(portProblem({ host: "192.0.2.1", port: 3000, code: "EADDRNOTAVAIL" })).toMatch(
      /Set HOST to an address of this machine/,
    );
  });
});
