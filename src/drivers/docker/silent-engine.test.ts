import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DriverError, type Driver, type InstanceSpec } from "../driver";
import { connectDockerDriver } from "./connect";

const STUCK = "ins_stuck000";
const WELL = "ins_well0000";
const SPEC: InstanceSpec = {
  instanceId: STUCK,
  sessionId: "ses_00000000",
  image: "any:1",
  limits: { memoryBytes: 1 << 28, cpus: 1, pids: 64 },
};

/** What an engine answers, by method and path; what is not here it never answers. */
type Answers = Record<string, { status: number; body: unknown }>;

describe("an engine that does not answer", () => {
  let dir: string;
  let engine: Server;
  let driver: Driver;
  let answers: Answers;
  let asked: string[];
  let sockets: Set<Socket>;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "oa-"));
    answers = {};
    asked = [];
    sockets = new Set();
    engine = createServer((req, res) => {
      const call = `${req.method} ${new URL(req.url ?? "/", "http://engine").pathname}`;
      asked.push(call);
      const answer = answers[call];
      if (answer === undefined) return;
      res.writeHead(answer.status, { "content-type": "application/json", connection: "close" });
      res.end(JSON.stringify(answer.body));
    });
    engine.on("upgrade", (_req, socket) => {
      for (const end of ["error", "end"]) socket.on(end, () => socket.destroy());
      socket.resume();
      socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    });
    engine.on("connection", (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    engine.listen(join(dir, "engine.sock"));
    await once(engine, "listening");
    driver = connect(2_000);
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    engine.close();
    await rm(dir, { recursive: true, force: true });
  });

  /** @param limitMs for each act; long enough for what the engine does answer, on a busy machine too */
  function connect(limitMs: number): Driver {
    return connectDockerDriver({
      socketPath: join(dir, "engine.sock"),
      instance: "oa",
      runDir: join(dir, "run"),
      seccompProfile: "{}",
      timeouts: { askMs: limitMs, changeMs: limitMs, removeFilesMs: limitMs },
    });
  }

  async function expectTooLate(call: Promise<unknown>): Promise<void> {
    const error: unknown = await call.then(
      () => null,
      (e: unknown) => e,
    );
    if (!(error instanceof DriverError)) throw new Error("no DriverError", { cause: error });
    expect(error.code).toBe("engine_unreachable");
    expect(error.message).toMatch(/did not answer in time, so it was not possible to .*try again\.$/);
  }

  it.each<[string, (driver: Driver) => Promise<unknown>]>([
    ["ping", (d) => d.ping()],
    ["hasImage", (d) => d.hasImage("any:1")],
    ["ensureVolumes", (d) => d.ensureVolumes("ses_00000000")],
    ["removeVolumes", (d) => d.removeVolumes("ses_00000000")],
    ["start", (d) => d.start(SPEC, "{}")],
    ["inspect", (d) => d.inspect(STUCK)],
    ["remove", (d) => d.remove(STUCK, 0)],
    ["list", (d) => d.list()],
    ["listVolumes", (d) => d.listVolumes()],
    ["tail", (d) => d.tail(STUCK, 1)],
  ])("is unreachable for %s, and no connection stays", async (_name, call) => {
    await expectTooLate(call(connect(100)));
    await expect.poll(() => sockets.size).toBe(0);
  });

  it("for one container leaves the list and the other containers alone", async () => {
    const labels = (instanceId: string) => ({
      "openagent.instance": instanceId,
      "openagent.session": "ses_00000000",
    });
    answers["GET /containers/json"] = {
      status: 200,
      body: [
        { Id: "1", Labels: labels(STUCK) },
        { Id: "2", Labels: labels(WELL) },
        { Id: "3", Labels: {} },
      ],
    };
    answers[`GET /containers/oa-${WELL}/json`] = { status: 404, body: { message: "No such container" } };
    expect(await driver.list()).toEqual([
      { instanceId: STUCK, sessionId: "ses_00000000" },
      { instanceId: WELL, sessionId: "ses_00000000" },
    ]);
    expect(await driver.inspect(WELL)).toEqual({ kind: "gone" });
    await expectTooLate(driver.inspect(STUCK));
  });

  it("for a start has the container removed again, though the start's own time is over", async () => {
    answers["POST /containers/create"] = { status: 201, body: { Id: "1" } };
    answers["DELETE /containers/1"] = { status: 204, body: undefined };
    await expectTooLate(driver.start(SPEC, "{}"));
    expect(asked).toEqual(["POST /containers/create", "POST /containers/1/start", "DELETE /containers/1"]);
    await expect.poll(() => sockets.size).toBe(0);
  });

  it("waits for a removal as long as the container was given to stop by itself", async () => {
    answers[`DELETE /containers/oa-${STUCK}`] = { status: 204, body: undefined };
    engine.prependListener("request", (req, res) => {
      if (req.url?.includes("/stop")) setTimeout(() => res.writeHead(304).end(), 200);
    });
    await driver.remove(STUCK, 5_000);
    expect(asked).toContain(`DELETE /containers/oa-${STUCK}`);
  });
});
