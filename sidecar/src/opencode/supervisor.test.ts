import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testConfig } from "../instance.testing";
import { createLog } from "../log";
import { launchAgent } from "./agent-launch";
import { Supervisor } from "./supervisor";

let dir: string;
let supervisor: Supervisor;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openagent-supervisor-"));
});
afterEach(async () => {
  await supervisor.stop();
  await rm(dir, { recursive: true, force: true });
});

/** What is told after each life of opencode. @param script stands in for it; `$life` counts from 1 */
async function statesAfterEachLife(script: string): Promise<[state: string, detail: string | undefined][]> {
  const opencodeBin = join(dir, "opencode.sh");
  const count = `echo >> "$HOME/lives"; life=$(wc -l < "$HOME/lives")`;
  await writeFile(opencodeBin, `#!/bin/sh\n${count}\n${script}\n`, { mode: 0o755 });
  const config = await testConfig(dir, { opencodeBin });
  const states: [string, string | undefined][] = [];
  supervisor = new Supervisor({
    config,
    log: createLog(() => undefined),
    sessionId: "ses_1",
    configFile: join(dir, "opencode.json"),
    prepareConfig: async () => undefined,
    early: launchAgent(config, join(dir, "opencode.json")),
    title: () => "T",
    onEvent: () => undefined,
    onGap: () => undefined,
    onPrepared: () => undefined,
    onDown: async () => void states.push([supervisor.state, supervisor.reason?.detail]),
  });
  supervisor.start();
  return states;
}

describe("the state that a supervisor tells", () => {
  it("is a failure after the second start that failed, and not before", async () => {
    const states = await statesAfterEachLife('echo "life $life" >&2; exit 1');
    await expect.poll(() => states.length, { timeout: 15_000 }).toBeGreaterThanOrEqual(3);
    const detail = (life: number) => `it ended with code 1 before it listened: life ${life}`;
    expect(states.slice(0, 3)).toEqual([
      ["starting", detail(1)],
      ["failed", detail(2)],
      ["failed", detail(3)],
    ]);
  });

  it("counts the failed starts anew once opencode has listened", async () => {
    const listens = 'echo "opencode server listening on http://127.0.0.1"; sleep 0.1; exit 3';
    const states = await statesAfterEachLife(`[ $life = 2 ] || exit 1\n${listens}`);
    await expect.poll(() => states.length, { timeout: 15_000 }).toBeGreaterThanOrEqual(4);
    expect(states.slice(0, 4).map(([state]) => state)).toEqual(["starting", "failed", "starting", "failed"]);
  });
});
