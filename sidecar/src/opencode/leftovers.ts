import { readdir, readFile } from "node:fs/promises";

export interface ProcessInfo {
  pid: number;
  parentPid: number;
  uid: number;
  /** Supplementary groups. */
  groups: readonly number[];
}

/** What a sweep looks for, and what it leaves alone. */
interface Sweep<Keep> {
  uid: number;
  /**
   * A supplementary group whose processes are people's. Unlike the parent and the session, which a daemon leaves behind, it
   * stays with all that a process starts; and who lacks it cannot take it, as that needs a capability.
   */
  keptGroup: number;
  /** Pids that stay with all that descends from them. */
  keep: Keep;
}

/**
 * Processes of the uid that are not people's and neither are one of `keep` nor descend from one: tools that opencode started
 * in sessions of their own and left behind. Pure.
 */
export function leftovers(
  processes: readonly ProcessInfo[],
  { uid, keptGroup, keep }: Sweep<ReadonlySet<number>>,
): number[] {
  const parentOf = new Map(processes.map((process) => [process.pid, process.parentPid]));
  const isKept = (pid: number): boolean => {
    const seen = new Set<number>();
    for (let at: number | undefined = pid; at !== undefined && !seen.has(at); at = parentOf.get(at)) {
      if (keep.has(at)) return true;
      seen.add(at);
    }
    return false;
  };
  return processes
    .filter((process) => process.uid === uid && !process.groups.includes(keptGroup) && !isKept(process.pid))
    .map((process) => process.pid);
}

/** Every running process of this container; ones that end meanwhile are left out. */
export async function listProcesses(): Promise<ProcessInfo[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(pids.map((pid) => readProcess(Number(pid))));
  return all.filter((process) => process !== null);
}

async function readProcess(pid: number): Promise<ProcessInfo | null> {
  let status: string;
  try {
    status = await readFile(`/proc/${pid}/status`, "utf8");
  } catch {
    // Ended since the directory was read.
    return null;
  }
  const field = (pattern: RegExp) => Number(pattern.exec(status)?.[1]);
  if (/^State:\s+[ZX]/m.test(status)) return null;
  const groups = /^Groups:([\t \d]*)$/m.exec(status)?.[1]?.trim() ?? "";
  return {
    pid,
    parentPid: field(/^PPid:\s+(\d+)/m),
    uid: field(/^Uid:\s+\d+\s+(\d+)/m),
    groups: groups === "" ? [] : groups.split(/\s+/).map(Number),
  };
}

/** Rounds, since a process can start another while the list is read. */
const MAX_ROUNDS = 3;

/**
 * Kills the agent's left-over processes. @returns how many signals were sent
 * @param sweep `keep` is read anew in each round
 */
export async function killLeftovers({ keep, ...sweep }: Sweep<() => readonly number[]>): Promise<number> {
  let killed = 0;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const pids = leftovers(await listProcesses(), { ...sweep, keep: new Set(keep()) });
    if (pids.length === 0) break;
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
        killed += 1;
      } catch {
        // Ended by itself.
      }
    }
  }
  return killed;
}
