import { describe, expect, it } from "vitest";
import type { HealthReport } from "../../../../server/health/health";
import { figuresOf } from "./report-figures";

const GIB = 1024 ** 3;
const well: HealthReport = {
  version: "1.2.3",
  startedAt: "2026-11-01T00:00:00.000Z",
  uptimeSeconds: 60,
  ready: true,
  checks: { database: "ok", engine: "ok", image: "ok", mirror: "ok", backups: "off" },
  sessions: { queued: 0, creating: 0, active: 2, idle: 1, stopped: 4, error: 0 },
  streamsDown: 0,
  promptsWaiting: 3,
  requestsOpen: 1,
  mirror: { waiting: 0, oldestMs: 0, parked: 0 },
  disk: { freeBytes: 20 * GIB, totalBytes: 40 * GIB, isLow: false, databaseBytes: 1 },
  recent: { eventsPerSecond: 0, streamLagP95Ms: null, startP50Ms: null, engineErrors: {} },
  loopLagP99Ms: 3,
};
const all = (report: HealthReport) => Object.values(figuresOf(report)).flat();
const bad = (over: Partial<HealthReport>) =>
  all({ ...well, ...over })
    .filter(({ isBad }) => isBad)
    .map(({ label, value, note }) => [label, value, note]);

describe("a report as figures", () => {
  it("says that there is nothing yet where nothing was measured, and shows nothing as bad", () => {
    expect(bad({})).toEqual([]);
    const values = Object.fromEntries(all(well).map(({ label, value }) => [label, value]));
    expect(values).toMatchObject({
      Running: "2",
      "Prompts waiting": "3",
      "Median start": "–",
      "Events a second": "0",
      "Stream lag, p95": "–",
      "Oldest waits": "–",
      "Event-loop lag, p99": "3 ms",
    });
  });

  it("shows what somebody should look at", () => {
    const engineErrors = { engine_unreachable: 2, out_of_disk: 1 };
    expect(
      bad({
        sessions: { ...well.sessions, error: 1 },
        streamsDown: 1,
        mirror: { waiting: 9, oldestMs: 61_000, parked: 2 },
        recent: { ...well.recent, streamLagP95Ms: 2_500, engineErrors },
        loopLagP99Ms: 250,
      }),
    ).toEqual([
      ["Failed", "1", undefined],
      ["Stream lag, p95", "2.5 s", "from agent to log"],
      ["Streams down", "1", undefined],
      ["Oldest waits", "1 min 1 s", undefined],
      ["Refused", "2", undefined],
      ["Engine errors", "3", "2 engine unreachable, 1 out of disk"],
      ["Event-loop lag, p99", "0.3 s", "of the last minute or two"],
    ]);
  });
});
