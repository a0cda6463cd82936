import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ofType, textOf } from "../events/recordings.testing";
import { eventually, follow, makeTestSidecar, OPENCODE_BIN, SETTINGS } from "../instance.testing";
import { startScriptedModel, type Script, type ScriptedModel } from "../opencode/scripted-model.testing";
import { healthResponse } from "../protocol";

const bash = (command: string) => ({ tool: "bash", args: { command, description: "d" } });
const SCRIPT: Script = [
  [{ say: "First I look. " }, bash("echo once >> runs.txt; cat runs.txt")],
  [{ say: "Then I wait. " }, bash("echo begun; sleep 20")],
];

/** The sidecar is killed: what it had not written is gone, while the real opencode has stored it. */
describe("a turn whose sidecar was killed", { timeout: 180_000 }, () => {
  let model: ScriptedModel;
  let sidecar: Awaited<ReturnType<typeof makeTestSidecar>>;
  let epoch = 1;

  beforeAll(async () => {
    model = await startScriptedModel();
    sidecar = await start();
  }, 180_000);
  afterAll(async () => {
    await sidecar.close();
    await model.close();
  });

  async function start(dir?: string) {
    const place = dir === undefined ? {} : { dir };
    const made = await makeTestSidecar({
      ...place,
      opencodeBin: OPENCODE_BIN,
      credentialProxyPort: model.port,
    });
    await made.register({ epoch });
    const health = async () => healthResponse.parse(await (await made.call("GET", "/health")).json());
    await eventually("opencode ready", async () => (await health()).agent === "ready", 60_000);
    // Whoever is told that the agent is ready has been told of the turn's end.
    expect((await health()).turn).toBeNull();
    return made;
  }
  /** All that a server gets of the session, which has none of it yet. */
  async function allEvents() {
    const reader = follow(sidecar, { epoch: 1, n: 0 });
    sidecar.instance.spool.append([{ type: "error", data: { code: "mark", message: `${epoch}` } }]);
    await eventually("all events", () =>
      ofType(reader.events, "error").some(({ code, message }) => code === "mark" && message === `${epoch}`),
    );
    await reader.close();
    return reader.events.filter(({ type }) => type !== "error");
  }
  /** A new process on the same volumes; of the old one's last epoch only the lines that `kept` takes stand. */
  async function restart(kept: (lines: string[]) => string[]) {
    await sidecar.stop();
    const path = join(sidecar.config.spoolDir, `${epoch}.ndjson`);
    const lines = (await readFile(path, "utf8")).split("\n").filter(Boolean);
    await writeFile(
      path,
      kept(lines)
        .map((line) => `${line}\n`)
        .join(""),
    );
    epoch += 1;
    sidecar = await start(sidecar.dir);
  }

  it("has everything that opencode stored, once, and is interrupted once; another restart adds nothing", async () => {
    const reader = follow(sidecar, { epoch: 1, n: 0 });
    const settings = { ...SETTINGS, permissionMode: "auto" };
    const prompt = { promptId: "prm_1", kind: "prompt", text: JSON.stringify(SCRIPT), settings };
    expect((await sidecar.call("POST", "/prompts", prompt)).status).toBe(200);
    await eventually(
      "the second tool at work",
      () => ofType(reader.events, "tool.output").some(({ suffix }) => suffix.includes("begun")),
      60_000,
    );
    const calls = model.calls.length;
    const told = reader.events.length;
    await reader.close();

    // In the middle of the first answer: its text is told in part, its tool not at all.
    await restart((lines) =>
      lines.slice(
        0,
        lines.findIndex((line) => line.includes('"kind":"tool"')),
      ),
    );
    const events = await allEvents();
    expect(events.filter((event) => event.epoch === 1).length).toBeLessThan(told);
    const said = ofType(events, "part.started").filter(({ kind }) => kind === "text" || kind === "tool");
    expect(new Set(said.map(({ partId }) => partId)).size).toBe(said.length);
    expect(said.map(({ partId }) => textOf(events, partId).trim()).slice(1)).toEqual([
      "First I look.",
      "once",
      "Then I wait.",
      "begun",
    ]);
    expect(ofType(events, "tool.ended")).toMatchObject([
      { tool: "bash", status: "completed" },
      { tool: "bash", status: "error", error: expect.stringContaining("Interrupted") as string },
    ]);
    const starts = ofType(events, "message.started").map(({ messageId }) => messageId);
    expect(
      ofType(events, "message.ended")
        .map(({ messageId }) => messageId)
        .sort(),
    ).toEqual(starts.sort());
    expect(ofType(events, "turn.ended")).toMatchObject([{ promptId: "prm_1", outcome: "interrupted" }]);
    expect(events.at(-1)?.type).toBe("turn.ended");

    await restart((lines) => lines);
    expect(await allEvents()).toEqual(events);
    expect(model.calls).toHaveLength(calls);
    expect(await readFile(join(sidecar.config.workspace, "runs.txt"), "utf8")).toBe("once\n");
  });
});
