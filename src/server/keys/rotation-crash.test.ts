import { spawn } from "node:child_process";
import fs, { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  addRegisteredSession,
  bootFrom,
  installation,
  person,
  secretsOf,
  type Installation,
} from "./rotation-bench.testing";
import type { InstanceSecrets } from "../sessions/registration";

const PEOPLE = ["usr_a", "usr_b", "usr_c"];
const keyOf = (userId: string) => `sk-of-${userId}-0123456789`;
/** Children at a time. */
const AT_ONCE = 4;

describe("a crash in the middle of a change of the master key", () => {
  let place: Installation;
  let secrets: InstanceSecrets;
  beforeEach(async () => {
    place = installation();
    const server = place.boot();
    for (const userId of PEOPLE) {
      server.providerKeys.upsert(person(userId), {
        providerId: "anthropic",
        key: keyOf(userId),
        scope: "me",
      });
    }
    secrets = await addRegisteredSession(server, "ses_1");
    server.close();
  });
  afterEach(() => place[Symbol.dispose]());

  const keyText = (dataDir: string) => readFileSync(join(dataDir, "secrets/master.key"), "utf8");

  /** Everything opens, twice in a row, and one key is left. */
  function expectWhole(dataDir: string, when: string): void {
    const keyFile = join(dataDir, "secrets/master.key");
    for (let boot = 0; boot < 2; boot += 1) {
      const server = bootFrom({ dataDir, keyFile });
      try {
        for (const userId of PEOPLE) {
          const keys = server.providerKeys.credentialsFor(userId).map(({ key }) => key);
          expect(keys, when).toEqual([keyOf(userId)]);
        }
        expect(secretsOf(server, "ses_1"), when).toEqual(secrets);
        expect(readdirSync(join(dataDir, "secrets")), when).toEqual(["master.key"]);
        // A change after it succeeds, as ever.
        if (boot === 1) expect(server.masterKey.rotate(), when).toMatchObject({ rotated: 4, unreadable: 0 });
      } finally {
        server.close();
      }
    }
  }

  async function changeInChild(dataDir: string, fatalStep: number) {
    const entry = join(import.meta.dirname, "rotation-crash.testing.ts");
    const args = ["--import", "tsx", entry, dataDir, join(dataDir, "secrets/master.key"), String(fatalStep)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise<NodeJS.Signals | number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(signal ?? code));
    });
    const [stdout, end] = await Promise.all([text(child.stdout), ended]);
    return { end, stdout };
  }

  /** On a copy of the installation. @returns which key is in force afterwards, and how many steps a survivor took */
  async function changeAndCrash(fatalStep: number) {
    const dataDir = mkdtempSync(join(tmpdir(), "oa-crash-"));
    try {
      cpSync(place.dataDir, dataDir, { recursive: true });
      const { end, stdout } = await changeInChild(dataDir, fatalStep);
      bootFrom({ dataDir, keyFile: join(dataDir, "secrets/master.key") }).close();
      const inForce = keyText(dataDir) === keyText(place.dataDir) ? "old" : "new";
      expectWhole(dataDir, `killed before step ${fatalStep}`);
      return { end, inForce, stdout };
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  }

  // Each crash is one of a Node of its own, a second or more on a busy machine.
  it("loses nothing, whichever step it comes before", { timeout: 180_000 }, async () => {
    const survivor = await changeAndCrash(0);
    expect(survivor).toMatchObject({ end: 0, inForce: "new" });
    const { steps } = z
      .object({ steps: z.number().int().min(10).max(60) })
      .parse(JSON.parse(survivor.stdout));

    const inForce: string[] = [];
    for (let first = 1; first <= steps; first += AT_ONCE) {
      const batch = Array.from({ length: Math.min(AT_ONCE, steps - first + 1) }, (_, at) => first + at);
      for (const crash of await Promise.all(batch.map(changeAndCrash))) {
        expect(crash.end).toBe("SIGKILL");
        inForce.push(crash.inForce);
      }
    }
    // Before the commit the old key, after it the new one, and both sides of it were tried.
    const commit = inForce.indexOf("new");
    expect(commit).toBeGreaterThan(0);
    expect(inForce).toEqual(inForce.map((_, at) => (at < commit ? "old" : "new")));
  });

  it("leaves no half-written key when the disk is full, and says so", () => {
    const server = place.boot();
    const oldKey = keyText(place.dataDir);
    const real = fs.writeFileSync;
    Reflect.set(fs, "writeFileSync", (fd: number, data: string) => {
      fs.writeSync(fd, data.slice(0, 10));
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    });
    syncBuiltinESMExports();
    try {
      expect(() => server.masterKey.rotate()).toThrow(/nothing was changed.*room/);
    } finally {
      Reflect.set(fs, "writeFileSync", real);
      syncBuiltinESMExports();
      server.close();
    }
    expect(place.keyFiles()).toEqual(["master.key"]);
    expect(keyText(place.dataDir)).toBe(oldKey);
    expectWhole(place.dataDir, "after a full disk");
  });
});
