/** Ending a terminal means ending everything that was started in it, background jobs included. */
import { readdirSync, readFileSync } from "node:fs";

/** How long programs have to end by themselves after SIGHUP. */
const GRACE_MS = 500;

/**
 * Sends SIGHUP to every process of the session that `leader` leads (or led), and SIGKILL to those left after 500 ms.
 * Shells put each job into a process group of its own, so the leader's group alone would miss most of them; what left
 * the session (`setsid`) is not reached. The timer does not keep this process alive.
 * @param onRefused called for a process that this one may not signal (another uid, no CAP_KILL)
 */
export function endSession(leader: number, onRefused: (pid: number, error: unknown) => void): void {
  signalSession(leader, "SIGHUP", onRefused);
  setTimeout(() => signalSession(leader, "SIGKILL", onRefused), GRACE_MS).unref();
}

function signalSession(
  leader: number,
  signal: NodeJS.Signals,
  onRefused: (pid: number, error: unknown) => void,
): void {
  for (const pid of sessionMembers(leader)) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      const ended = error instanceof Error && "code" in error && error.code === "ESRCH";
      if (!ended) onRefused(pid, error);
    }
  }
}

/** Processes whose session is `leader`'s (field 6 of /proc/PID/stat, proc(5)). */
export function sessionMembers(leader: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => sessionOf(pid) === leader);
}

function sessionOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // ended between the listing and the reading
  }
  // The name in parentheses may itself hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : Number(fields[3]);
}
