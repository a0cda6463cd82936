import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "./environment.mjs";
import { oneAtATime } from "./one-at-a-time.mjs";

describe("oneAtATime", () => {
  let dir: string;
  let file: string;
  const processes: ChildProcess[] = [];
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "oa-lock-"));
    file = join(dir, "lock");
  });
  afterEach(async () => {
    for (const child of processes.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "close");
    }
    rmSync(dir, { recursive: true });
  });

  it("gives back what the work gives, and lets the next one in after a failure too", async () => {
    const quiet = { file, onWait: () => expect.unreachable("nobody else is there") };
    expect(await oneAtATime(quiet, async () => "done")).toBe("done");
    await expect(oneAtATime(quiet, () => Promise.reject(new Error("broke")))).rejects.toThrow("broke");
    expect(await oneAtATime(quiet, async () => "again")).toBe("again");
  });

  it("lets a second process wait until the first one is done", async () => {
    const order: string[] = [];
    const [second] = await oneAtATime({ file, onWait: () => undefined }, async () => {
      const waiting = await startWaiting(order);
      order.push("first ends");
      return waiting;
    });
    await second;
    expect(order).toEqual(["first ends", "second works"]);
  });

  it("lets the next one in when the process that holds it is killed", async () => {
    const child = await holdElsewhere();
    const order: string[] = [];
    const [second] = await startWaiting(order);
    expect(order).toEqual([]);
    child.kill("SIGKILL");
    await second;
    expect(order).toEqual(["second works"]);
  });

  it("says so before any work when there can be no lock", async () => {
    const work = async () => expect.unreachable("there is no lock");
    const nowhere = { file: join(dir, "missing/lock"), onWait: () => undefined };
    await expect(oneAtATime(nowhere, work)).rejects.toMatchObject({
      name: "SetupError",
      message: expect.stringContaining("cannot be locked") as string,
    });
  });

  /** @returns once the second one waits: a promise, wrapped, that it has worked */
  async function startWaiting(order: string[]): Promise<[Promise<void>]> {
    let worked: Promise<void> = Promise.resolve();
    await new Promise<void>((onWait) => {
      worked = oneAtATime({ file, onWait }, async () => void order.push("second works"));
    });
    return [worked];
  }

  async function holdElsewhere(): Promise<ChildProcess> {
    const module = join(ROOT, "scripts/lib/one-at-a-time.mjs");
    const program = `import { oneAtATime } from ${JSON.stringify(module)};
      await oneAtATime({ file: ${JSON.stringify(file)}, onWait() {} }, async () => {
        console.log("held");
        await new Promise(() => process.stdin.resume());
      });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    processes.push(child);
    await once(child.stdout, "data");
    return child;
  }
});
