import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prompts, requests } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createMeters } from "./meters";
import { createMetrics } from "./metrics";
import { createReadings } from "./readings";

let t: TestDatabase;
let dataDir: string;
let registry: Registry;
let meters: ReturnType<typeof createMeters>;
let streaming: string[];

beforeEach(() => {
  t = testDatabase();
  dataDir = mkdtempSync(join(tmpdir(), "oa-metrics-"));
  registry = new Registry();
  meters = createMeters({ registry, clock: t.clock });
  streaming = [];
});
afterEach(() => {
  registry.clear();
  t[Symbol.dispose]();
  rmSync(dataDir, { recursive: true });
});

const readings = () =>
  createReadings({
    db: t.db,
    dataDir,
    isStreaming: (id) => streaming.includes(id),
    mirrorLag: () => ({ waiting: 3, oldestMs: 1_500, parked: 1 }),
  });
const addPrompt = (n: number, state: "queued" | "running" | "done") =>
  t.db
    .insert(prompts)
    .values({
      ...{ id: `prm_${n}`, sessionId: t.sessionId, userId: t.userId, key: `k${n}`, kind: "prompt" },
      ...{ text: "secret words", state, answeredState: "queued", position: n, createdAt: "2026-11-01" },
    })
    .run();
const addRequest = (id: string, closedAt: string | null) =>
  t.db
    .insert(requests)
    .values({
      ...{
        id,
        sessionId: t.sessionId,
        kind: "permission",
        title: "secret title",
        detail: "",
        fallback: "reject",
      },
      ...{ openedAt: "2026-11-01", deadline: "2026-11-02", closedAt },
    })
    .run();

describe("the readings", () => {
  it("count sessions by state, those whose events do not come in, and what waits for somebody", async () => {
    t.addSession("ses_active", { status: "active" });
    t.addSession("ses_stopped", { status: "stopped" });
    t.addSession("ses_failed", { status: "error" });
    t.addSession("ses_starts", { status: "creating" });
    for (const queuePlace of [1, 2]) t.addSession(`ses_${queuePlace}`, { status: "creating", queuePlace });
    streaming = ["ses_active"];
    (["queued", "queued", "running", "done"] as const).forEach((state, n) => addPrompt(n, state));
    addRequest("req_open", null);
    addRequest("req_closed", "2026-11-01");
    expect(await readings()()).toMatchObject({
      sessions: { creating: 1, queued: 2, active: 1, idle: 1, stopped: 1, error: 1 },
      streamsDown: 1,
      promptsWaiting: 2,
      requestsOpen: 1,
      mirror: { waiting: 3, oldestMs: 1_500, parked: 1 },
    });
  });

  it("tell the room of the data directory and the size of the database, with or without its log", async () => {
    expect((await readings()()).disk.databaseBytes).toBe(0);
    writeFileSync(join(dataDir, "openagent.db"), Buffer.alloc(5_000));
    writeFileSync(join(dataDir, "openagent.db-wal"), Buffer.alloc(300));
    const { disk } = await readings()();
    expect(disk.databaseBytes).toBe(5_300);
    expect(disk.freeBytes).toBeGreaterThan(0);
    expect(disk.totalBytes).toBeGreaterThanOrEqual(disk.freeBytes);
  });
});

describe("the metrics", () => {
  const scrape = async () => createMetrics({ registry, version: "1.2.3", readings: readings() }).text();

  it("say what the readings say, and how the process is", async () => {
    addPrompt(1, "queued");
    const lines = (await scrape()).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        'openagent_info{version="1.2.3"} 1',
        'openagent_sessions{state="idle"} 1',
        'openagent_sessions{state="creating"} 0',
        'openagent_sessions{state="queued"} 0',
        "openagent_session_streams_down 1",
        "openagent_prompts_waiting 1",
        "openagent_mirror_marks_waiting 3",
        "openagent_mirror_oldest_mark_seconds 1.5",
        "openagent_mirror_marks_parked 1",
      ]),
    );
    expect(lines.some((line) => /^nodejs_eventloop_lag_p99_seconds /.test(line))).toBe(true);
    expect(lines.some((line) => /^process_resident_memory_bytes /.test(line))).toBe(true);
  });

  it("hold nothing of anybody's: no id, title, prompt or address", async () => {
    addPrompt(1, "queued");
    addRequest("req_open", null);
    meters.eventsTaken(1, new Date(t.clock.now()).toISOString());
    const text = await scrape();
    for (const secret of [t.sessionId, t.userId, "Test", "o@example.test", "secret", "req_open", "prm_"])
      expect(text).not.toContain(secret);
  });

  it("have every series that the dashboard shows", async () => {
    meters.startStep("image", 1);
    meters.startEnded("ready", 1);
    const file = join(import.meta.dirname, "../../../docs/grafana-dashboard.json");
    const dashboard = JSON.parse(readFileSync(file, "utf8")) as {
      panels: { title: string; targets?: { expr: string }[] }[];
    };
    const asked = dashboard.panels
      .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
      .flatMap((expr) => expr.match(/\b(openagent|nodejs|process)_[a-z0-9_]+/g) ?? []);
    const text = await scrape();
    const there = new Set([...text.matchAll(/^([a-z0-9_]+)[{ ]/gm)].map(([, name]) => name));
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((name) => !there.has(name))).toEqual([]);
  });
});
