import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTerminals, type Terminals } from "../pty/terminals";
import { AgentProcess } from "./agent-process";

let dir: string;
let terminals: Terminals;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openagent-agent-"));
  const env = { PATH: "/usr/bin:/bin", HOME: dir };
  terminals = createTerminals({ shell: ["/bin/cat"], cwd: dir, env, maxTerminals: 2 });
});
afterEach(async () => {
  terminals.closeAll();
  await rm(dir, { recursive: true, force: true });
});

/** Stands in for opencode; the test's own user is the agent. */
async function run(script: string): Promise<AgentProcess> {
  const bin = join(dir, "opencode.sh");
  await writeFile(bin, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const folders = { XDG_DATA_HOME: dir, XDG_STATE_HOME: dir, XDG_CACHE_HOME: dir, XDG_CONFIG_HOME: dir };
  const environment = { PATH: "/usr/bin:/bin", HOME: dir, ...folders };
  return AgentProcess.spawn({ prefix: [], bin, port: 1, workspace: dir, environment });
}

describe("the agent's process", () => {
  it("gets its three standard descriptors and none of a terminal that was open before", async () => {
    for (const terminalId of ["a", "b"]) terminals.create({ terminalId, cols: 80, rows: 24 });
    const { stderr } = await (await run("readlink /proc/$$/fd/* >&2")).exited;
    const own = stderr.split("\n").filter((target) => target !== join(dir, "opencode.sh"));
    expect(own).toEqual(["/dev/null", expect.stringMatching(/^socket/), expect.stringMatching(/^socket/)]);
  });
});
