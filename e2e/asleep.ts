import { readFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { expect } from "vitest";

/** As a laptop that is closed: no script of any page of this browser runs. @returns wakes it */
export async function putToSleep(browser: Browser): Promise<() => void> {
  const devtools = await browser.newBrowserCDPSession();
  const { processInfo } = await devtools.send("SystemInfo.getProcessInfo");
  await devtools.detach();
  const pids = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  await expect.poll(() => pids.map(stateOf)).toEqual(pids.map(() => "T"));
  return () => {
    for (const pid of pids) process.kill(pid, "SIGCONT");
  };
}

/** Of a process: `T` is stopped. */
function stateOf(pid: number): string | undefined {
  return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
}
