import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { killLeftovers, leftovers, listProcesses } from "./leftovers";

describe("left-over processes", () => {
  const processes = [
    { pid: 1, parentPid: 0, uid: 0 },
    { pid: 10, parentPid: 1, uid: 900 },
    { pid: 20, parentPid: 10, uid: 1000 },
    { pid: 21, parentPid: 20, uid: 1000 },
    { pid: 30, parentPid: 10, uid: 1000 },
    { pid: 31, parentPid: 30, uid: 1000 },
    { pid: 40, parentPid: 1, uid: 1000 },
    { pid: 41, parentPid: 40, uid: 1000 },
    { pid: 50, parentPid: 1, uid: 1001 },
  ];

  it("are those of the agent that do not descend from what is kept", () => {
    expect(leftovers(processes, 1000, new Set([20, 30]))).toEqual([40, 41]);
    expect(leftovers(processes, 1000, new Set())).toEqual([20, 21, 30, 31, 40, 41]);
    expect(leftovers(processes, 1000, new Set([10]))).toEqual([40, 41]);
  });

  it("never hang on parents that form a ring", () => {
    const ring = [
      { pid: 5, parentPid: 6, uid: 1 },
      { pid: 6, parentPid: 5, uid: 1 },
    ];
    expect(leftovers(ring, 1, new Set())).toEqual([5, 6]);
  });

  it("finds this process with its parent and uid", async () => {
    const self = (await listProcesses()).find((process_) => process_.pid === process.pid);
    expect(self).toEqual({ pid: process.pid, parentPid: process.ppid, uid: process.geteuid?.() });
  });

  // Another uid is needed whose processes nobody else has; only root can take one.
  it.runIf(process.geteuid?.() === 0)("are killed, and what is kept is not", async () => {
    const uid = 2_000_000 + process.pid;
    const drop = ["--reuid", String(uid), "--regid", String(uid), "--clear-groups", "--"];
    const start = () => spawn("setpriv", [...drop, "sleep", "60"], { stdio: "ignore" });
    const [kept, left] = [start(), start()];
    try {
      await expect
        .poll(async () => (await listProcesses()).filter((found) => found.uid === uid).length)
        .toBe(2);
      const gone = once(left, "exit");
      expect(await killLeftovers(uid, () => [kept.pid ?? 0])).toBeGreaterThanOrEqual(1);
      await gone;
      expect(left.signalCode).toBe("SIGKILL");
      expect(kept.exitCode ?? kept.signalCode).toBeNull();
    } finally {
      kept.kill("SIGKILL");
      left.kill("SIGKILL");
    }
  });
});
