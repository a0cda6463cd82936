import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manualClock } from "../clock.testing";
import { createLog } from "../log";
import { BackupError } from "./backup-error";
import { createBackupSchedule, type BackupSchedule } from "./schedule";

describe("backups by the clock", () => {
  let dir: string;
  let schedule: BackupSchedule | null = null;
  const lines: string[] = [];
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "oa-schedule-"));
    lines.length = 0;
  });
  afterEach(async () => {
    await schedule?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const made = { fileBytes: 1, leftOut: [], withoutFiles: [] };
  function begin(opts: {
    make: (file: string, signal: AbortSignal) => Promise<typeof made>;
    everyMs?: number;
    clock?: ReturnType<typeof manualClock>;
  }): BackupSchedule {
    schedule = createBackupSchedule({
      settings: { dir, everyMs: opts.everyMs ?? 60_000, keep: 2, passphrase: "five words picked by chance" },
      clock: opts.clock ?? manualClock(),
      log: createLog({ level: "info", destination: { write: (line) => void lines.push(line) } }),
      make: opts.make,
    });
    schedule.start();
    return schedule;
  }

  it("makes one at once when there is none, and keeps the youngest, touching no other file", async () => {
    const old = ["20250101T000000Z", "20250102T000000Z"].map((time) => `openagent-${time}.tar.age`);
    writeFileSync(join(dir, "by-hand.tar.age"), "x");
    const files: string[] = [];
    const running = begin({
      make: async (file) => {
        files.push(file);
        for (const name of old) writeFileSync(join(dir, name), "x");
        writeFileSync(file, "x");
        return made;
      },
    });
    await expect.poll(() => lines.join()).toContain("backup made");
    await expect.poll(() => readdirSync(dir)).toHaveLength(3);
    expect(readdirSync(dir)).toContain("by-hand.tar.age");
    expect(readdirSync(dir)).not.toContain(old[0]);
    expect(files).toHaveLength(1);
    expect(running.check()).toBe("ok");
  });

  it("keeps the one that it has just made, also beside some with later dates", async () => {
    for (const year of [2098, 2099]) writeFileSync(join(dir, `openagent-${year}0101T000000Z.tar.age`), "x");
    let file = "";
    begin({
      everyMs: 1,
      make: async (to) => {
        file = to;
        writeFileSync(to, "x");
        return made;
      },
    });
    await expect.poll(() => lines.join()).toContain("backup made");
    await expect.poll(() => readdirSync(dir)).toHaveLength(2);
    expect(existsSync(file)).toBe(true);
  });

  it("waits when the youngest is young enough", async () => {
    writeFileSync(join(dir, "openagent-20990101T000000Z.tar.age"), "x");
    const from = performance.now();
    let begunAfterMs: number | null = null;
    begin({
      everyMs: 100,
      clock: manualClock(Date.now()),
      make: async () => {
        begunAfterMs ??= performance.now() - from;
        return made;
      },
    });
    await expect.poll(() => begunAfterMs).not.toBeNull();
    expect(begunAfterMs).toBeGreaterThan(80);
  });

  it("says in log and check that one failed, tries again, and that all is well when it did", async () => {
    let calls = 0;
    const running = begin({
      everyMs: 20,
      make: async () => {
        calls += 1;
        if (calls === 1) throw new Error("The disk is full.");
        return made;
      },
    });
    await expect.poll(() => lines.join()).toContain("could not be made");
    await expect.poll(() => calls).toBeGreaterThan(1);
    await expect.poll(() => running.check()).toBe("ok");
  });

  it("tells whoever asks no words that it did not choose: they may hold paths", async () => {
    const failing = begin({
      make: () => Promise.reject(new Error("ENOENT: no such file, open '/srv/secret'")),
    });
    await expect
      .poll(() => failing.check())
      .toBe("The last backup could not be made. The server's log has the cause.");
  });

  it("says while it lasts what is wrong, and that the last one is too old", async () => {
    const full = new BackupError("bad_file", "The disk is full.");
    const failing = begin({ make: () => Promise.reject(full) });
    await expect.poll(() => failing.check()).toMatch(/could not be made\. The disk is full\./);
    await failing.stop();
    const clock = manualClock(Date.now());
    const stuck = begin({ clock, make: (_file, signal) => aborted(signal) });
    expect(stuck.check()).toBe("ok");
    clock.advance(130_000);
    expect(stuck.check()).toMatch(/older than it should be/);
  });

  it("breaks off the one that is being made, one at a time", async () => {
    let running = 0;
    const begun = begin({
      everyMs: 1,
      make: (_file, signal) => {
        running += 1;
        return aborted(signal);
      },
    });
    await expect.poll(() => running).toBe(1);
    await begun.stop();
    expect(running).toBe(1);
  });

  function aborted(signal: AbortSignal): Promise<never> {
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("broken off")));
    });
  }
});
