import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { instanceState } from "./instance-state";

/** `docker inspect` of real containers on Engine 20.10, cut to the keys around the state. */
async function recorded(name: string): Promise<unknown> {
  return JSON.parse(
    await readFile(new URL(`testdata/inspect-${name}.json`, import.meta.url), "utf8"),
  ) as unknown;
}

describe("instanceState of recorded answers", () => {
  it.each(["running", "paused"])("%s is running", async (name) => {
    expect(instanceState(await recorded(name))).toEqual({
      kind: "running",
      startedAt: "2026-11-23T04:28:47.179662703Z",
    });
  });

  it.each([
    ["exited", 3, false, "2026-11-23T04:28:49.383254721Z"],
    ["killed", 137, false, "2026-11-23T04:28:47.575692594Z"],
    ["out-of-memory", 137, true, "2026-11-23T04:28:48.369070784Z"],
  ])("%s has exit code %i", async (name, exitCode, outOfMemory, finishedAt) => {
    expect(instanceState(await recorded(name))).toEqual({
      kind: "exited",
      exitCode,
      outOfMemory,
      finishedAt,
    });
  });

  it.each([
    ["created", 0],
    ["start-failed", 127],
  ])("%s never ran: it ended when it was created", async (name, exitCode) => {
    const json = await recorded(name);
    expect(instanceState(json)).toMatchObject({ kind: "exited", exitCode, outOfMemory: false });
    expect(json).toHaveProperty("Created", (instanceState(json) as { finishedAt: string }).finishedAt);
  });

  it("refuses an answer of another shape", () => {
    expect(() => instanceState({ State: "running" })).toThrow();
    expect(() => instanceState(null)).toThrow();
  });
});
