import { readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Instance } from "../instance";
import { createLog } from "../log";
import { eventRoutes } from "./routes";
import { Spool } from "./spool";

let dir: string;
let spool: Spool;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openagent-routes-"));
  spool = await Spool.open({ dir, log: createLog(() => undefined) });
  await spool.openEpoch(1, null);
});
afterEach(async () => {
  await spool.close();
  await rm(dir, { recursive: true, force: true });
});

/** Descriptors of this process on the epoch's file: one is the writer's. */
function opened(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === join(dir, "1.ndjson");
    } catch {
      // The listing's own, closed by now.
      return false;
    }
  }).length;
}

describe("a reader of the events", () => {
  it("that goes away while it catches up from the file leaves no descriptor open", async () => {
    const text = "x".repeat(3000);
    // More than the spool keeps in memory, so the file is read.
    for (let i = 0; i < 3000; i += 1)
      spool.append([{ type: "part.delta", data: { messageId: "m", partId: "p", text } }]);
    await spool.flush();
    const routes = eventRoutes({ spool } as Partial<Instance> as Instance);
    const response = await routes.request("/?epoch=1&n=0");
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    expect(opened()).toBe(2);
    await reader?.cancel();
    expect(opened()).toBe(1);
  });
});
