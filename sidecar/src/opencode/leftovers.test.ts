import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { killLeftovers, leftovers, listProcesses } from "./leftovers";

const GROUP = 100;

describe("left-over processes", () => {
  const process_ = (pid: number, parentPid: number, uid: number, groups: number[] = []) => ({
    ...{ pid, parentPid, uid, groups },
  });
  const processes = [
    process_(1, 0, 0),
    process_(10, 1, 900),
    process_(20, 10, 1000),
    process_(21, 20, 1000),
    process_(30, 10, 1000, [GROUP]),
    process_(31, 30, 1000, [GROUP]),
    process_(40, 1, 1000),
    process_(41, 40, 1000),
    process_(42, 1, 1000, [7, GROUP]),
    process_(50, 1, 1001),
  ];
  const left = (keep: number[]) => leftovers(processes, { uid: 1000, keptGroup: GROUP, keep: new Set(keep) });

  it("are those of the agent that neither descend from what is kept nor are in the group", () => {
    expect(left([20])).toEqual([40, 41]);
    expect(left([])).toEqual([20, 21, 40, 41]);
    expect(left([10])).toEqual([40, 41]);
  });

  it("never hang on parents that form a ring", () => {
    const ring = [process_(5, 6, 1), process_(6, 5, 1)];
    expect(leftovers(ring, { uid: 1, keptGroup: GROUP, keep: new Set() })).toEqual([5, 6]);
  });

  it("finds this process with its parent, uid and groups", async () => {
    const self = (await listProcesses()).find((found) => found.pid === process.pid);
    expect(self).toMatchObject({ pid: process.pid, parentPid: process.ppid, uid: process.geteuid?.() });
    const own = process.getgroups?.() ?? [];
    expect(own).toEqual(expect.arrayContaining([...(self?.groups ?? [])]));
  });
});

// Another uid is needed whose processes nobody else has; only root can take one.
describe.runIf(process.geteuid?.() === 0)("the end of a turn", () => {
  const uid = 2_000_000 + process.pid;
  const started: ChildProcess[] = [];
  /** As the agent's uid; its words on standard output are the pids that it started. */
  const start = (groups: string, command: string) => {
    const drop = [`--reuid=${uid}`, `--regid=${uid}`, groups, "--inh-caps=-all", "--ambient-caps=-all", "--"];
    const child = spawn("setpriv", [...drop, "sh", "-c", command], { stdio: ["ignore", "pipe", "ignore"] });
    started.push(child);
    return child;
  };
  const AGENT = "--clear-groups";
  const TERMINAL = `--groups=${GROUP}`;
  // As daemons start: a session of its own, and parents that are gone.
  const DAEMON = "setsid sh -c 'sleep 60 >/dev/null & echo $!' &";
  const pidFrom = async (child: ChildProcess) => {
    const exited = once(child, "exit");
    const [text] = (await once(child.stdout ?? child, "data")) as [Buffer];
    await exited;
    return Number(text.toString());
  };
  const running = async () =>
    (await listProcesses()).flatMap((found) => (found.uid === uid ? [found.pid] : []));
  const end = (keep: number[] = []) => killLeftovers({ uid, keptGroup: GROUP, keep: () => keep });

  afterEach(async () => {
    await killLeftovers({ uid, keptGroup: -1, keep: () => [] });
    for (const child of started.splice(0)) child.kill("SIGKILL");
    await expect.poll(running).toEqual([]);
  });

  it("kills what is left, and not what is kept", async () => {
    const [kept, left] = [start(AGENT, "exec sleep 60"), start(AGENT, "exec sleep 60")];
    await expect.poll(async () => (await running()).length).toBe(2);
    const gone = once(left, "exit");
    expect(await end([kept.pid ?? 0])).toBeGreaterThanOrEqual(1);
    await gone;
    expect(left.signalCode).toBe("SIGKILL");
    expect(kept.exitCode ?? kept.signalCode).toBeNull();
  });

  it("leaves a daemon that a person started in a terminal, and kills one that a tool started", async () => {
    const [person, tool] = await Promise.all([
      pidFrom(start(TERMINAL, DAEMON)),
      pidFrom(start(AGENT, DAEMON)),
    ]);
    await expect.poll(running).toEqual(expect.arrayContaining([person, tool]));
    expect(await end()).toBeGreaterThanOrEqual(1);
    await expect.poll(running).toEqual([person]);
  });

  it("kills a tool's daemon that asks for the terminals' group", async () => {
    const asking = `setpriv --groups=${GROUP} sleep 60; ${DAEMON}`;
    const child = start(AGENT, `{ ${asking} } | tail -n 1`);
    const tool = await pidFrom(child);
    expect(await running()).toContain(tool);
    await end();
    await expect.poll(running).toEqual([]);
  });
});
