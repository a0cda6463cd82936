import { readFileSync } from "node:fs";

/**
 * Does a program run in the foreground of the terminal that this shell leads? The shell is then not of the process group
 * that the terminal takes its input for. False when there is no such process.
 */
export function hasForegroundJob(shellPid: number): boolean {
  const stat = statOf(shellPid);
  if (stat === null) return false;
  // proc(5): "pid (comm) state ppid pgrp session tty_nr tpgid …", where comm may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const group = Number(fields[2]);
  const foreground = Number(fields[5]);
  return foreground > 0 && foreground !== group;
}

function statOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    // It has just ended.
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return null;
    throw error;
  }
}
