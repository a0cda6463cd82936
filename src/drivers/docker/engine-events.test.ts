import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DriverError, InstanceEvent } from "../driver";
import { instanceEvent, watchEngine } from "./engine-events";

/** A line recorded from Engine 20.10, cut to the keys of an event. */
function line(action: string, labels: Record<string, string>): string {
  return JSON.stringify({
    status: action,
    id: "755e6106908b",
    from: "openagent-session:1",
    Type: "container",
    Action: action,
    Actor: {
      ID: "755e6106908b",
      Attributes: { exitCode: "137", image: "openagent-session:1", name: "oa-x", ...labels },
    },
    scope: "local",
    time: 1795408127,
  });
}
const OURS = {
  "openagent.installation": "oa",
  "openagent.session": "ses_00000000",
  "openagent.instance": "ins_00000000",
};

describe("instanceEvent", () => {
  it("knows a death and a lack of memory", () => {
    const ids = { instanceId: "ins_00000000", sessionId: "ses_00000000" };
    expect(instanceEvent(line("die", OURS))).toEqual({ ...ids, kind: "died" });
    expect(instanceEvent(line("oom", OURS))).toEqual({ ...ids, kind: "oom" });
    expect(instanceEvent(line("kill", OURS))).toEqual({ ...ids, kind: "killed" });
  });

  it("passes over other actions and containers without our labels", () => {
    expect(instanceEvent(line("start", OURS))).toBeNull();
    expect(instanceEvent(line("die", {}))).toBeNull();
  });
});

/** The engine's side of `GET /events`, scripted by the test. */
describe("watchEngine against an engine that comes and goes", () => {
  let dir: string;
  let engine: Server;
  let requests: { url: URL; res: ServerResponse }[];
  let stop: AbortController;
  const seen = {
    events: [] as InstanceEvent[],
    resyncs: 0,
    errors: [] as DriverError[],
    failedAtMs: [] as number[],
  };

  function answer(req: IncomingMessage, res: ServerResponse): void {
    requests.push({ url: new URL(req.url ?? "/", "http://engine"), res });
    res.writeHead(200, { "content-type": "application/json" });
    res.flushHeaders();
  }

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "oa-"));
    Object.assign(seen, { events: [], resyncs: 0, errors: [], failedAtMs: [] });
    requests = [];
    stop = new AbortController();
    engine = createServer(answer);
  });
  afterEach(async () => {
    stop.abort();
    engine.closeAllConnections();
    engine.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function listen(): Promise<void> {
    engine.listen(join(dir, "engine.sock"));
    await once(engine, "listening");
  }
  function watch(): Promise<void> {
    return watchEngine({
      docker: new Docker({ socketPath: join(dir, "engine.sock") }),
      prefix: "oa",
      signal: stop.signal,
      handlers: {
        onEvent: (event) => seen.events.push(event),
        onResync: () => (seen.resyncs += 1),
        onError: (error) => {
          seen.errors.push(error);
          seen.failedAtMs.push(performance.now());
        },
      },
    });
  }

  it("asks for our containers only, gives each event as it comes, and ends by the signal", async () => {
    await listen();
    const watching = watch();
    await expect.poll(() => seen.resyncs).toBe(1);
    expect(JSON.parse(requests[0]?.url.searchParams.get("filters") ?? "")).toEqual({
      type: ["container"],
      event: ["die", "oom", "kill"],
      label: ["openagent.installation=oa"],
    });
    const text = `${line("die", OURS)}\n`;
    requests[0]?.res.write(text.slice(0, 40));
    requests[0]?.res.write(text.slice(40));
    await expect.poll(() => seen.events).toHaveLength(1);

    const closed = once(requests[0]?.res ?? engine, "close");
    stop.abort();
    await watching;
    await closed;
    expect(seen.errors).toEqual([]);
  });

  it("connects again after the engine went away, resyncs, and asks from when it lost the stream", async () => {
    await listen();
    const startedAt = Date.now();
    void watch();
    await expect.poll(() => seen.resyncs).toBe(1);
    requests[0]?.res.socket?.destroy();
    await expect.poll(() => seen.resyncs).toBe(2);
    expect(seen.errors.map((error) => error.code)).toEqual(["engine_unreachable"]);
    const since = Number(requests[1]?.url.searchParams.get("since"));
    expect(since).toBeGreaterThanOrEqual(startedAt / 1000);
    expect(since).toBeGreaterThan(Number(requests[0]?.url.searchParams.get("since")));

    requests[1]?.res.end();
    await expect.poll(() => seen.resyncs).toBe(3);
  });

  it("says engine_unreachable while nothing listens, waits longer each time, and finds the engine when it comes", async () => {
    const watching = watch();
    await expect.poll(() => seen.errors.length).toBeGreaterThanOrEqual(3);
    const [, second = 0, third = 0] = seen.failedAtMs;
    // Twice the first wait of 200 ms; timers come a millisecond early at most.
    expect(third - second).toBeGreaterThan(395);
    expect(new Set(seen.errors.map((error) => error.code))).toEqual(new Set(["engine_unreachable"]));
    expect(seen.resyncs).toBe(0);
    await listen();
    await expect.poll(() => seen.resyncs).toBe(1);
    stop.abort();
    await watching;
  });

  it("ends at once when the signal aborts between two tries", async () => {
    const watching = watch();
    await expect.poll(() => seen.errors.length).toBeGreaterThanOrEqual(1);
    stop.abort();
    await watching;
  });
});
