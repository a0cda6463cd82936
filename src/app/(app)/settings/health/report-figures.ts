import type { HealthReport } from "../../../../server/health/health";
import { duration } from "../../sessions/[id]/_conversation/figures";
import type { Figure } from "./figures";

/** Beyond these somebody should look: timers, events or pages are late enough to be felt. */
const LATE_MS = { loop: 100, stream: 1_000, mirror: 10_000 };

/** A report as figures with words, by section. */
export function figuresOf(
  report: HealthReport,
): Record<"sessions" | "events" | "mirror" | "engine", Figure[]> {
  const { sessions, recent, mirror, streamsDown, loopLagP99Ms } = report;
  const failures = Object.entries(recent.engineErrors);
  const failureCount = failures.reduce((sum, [, count]) => sum + count, 0);
  return {
    sessions: [
      { label: "Running", value: String(sessions.active) },
      { label: "Idle", value: String(sessions.idle) },
      { label: "Creating", value: String(sessions.creating) },
      { label: "In line", value: String(sessions.queued) },
      { label: "Stopped", value: String(sessions.stopped) },
      { label: "Failed", value: String(sessions.error), isBad: sessions.error > 0 },
      { label: "Prompts waiting", value: String(report.promptsWaiting) },
      { label: "Need an answer", value: String(report.requestsOpen) },
      { label: "Median start", value: timeOr(recent.startP50Ms), note: "of the last hour" },
    ],
    events: [
      { label: "Events a second", value: rate(recent.eventsPerSecond), note: "over the last minute" },
      {
        label: "Stream lag, p95",
        value: timeOr(recent.streamLagP95Ms),
        note: "from agent to log",
        isBad: (recent.streamLagP95Ms ?? 0) > LATE_MS.stream,
      },
      { label: "Streams down", value: String(streamsDown), isBad: streamsDown > 0 },
    ],
    mirror: [
      { label: "Changes waiting", value: String(mirror.waiting) },
      {
        label: "Oldest waits",
        value: mirror.waiting === 0 ? "–" : duration(mirror.oldestMs),
        isBad: mirror.oldestMs > LATE_MS.mirror,
      },
      { label: "Refused", value: String(mirror.parked), isBad: mirror.parked > 0 },
    ],
    engine: [
      {
        label: "Engine errors",
        value: String(failureCount),
        note:
          failures.map(([code, count]) => `${count} ${code.replaceAll("_", " ")}`).join(", ") ||
          "in the last hour",
        isBad: failureCount > 0,
      },
      {
        label: "Event-loop lag, p99",
        value: duration(loopLagP99Ms),
        note: "of the last minute or two",
        isBad: loopLagP99Ms > LATE_MS.loop,
      },
    ],
  };
}

function timeOr(ms: number | null): string {
  return ms === null ? "–" : duration(ms);
}

/** @returns "0", "0.3", "12" */
function rate(perSecond: number): string {
  return perSecond === 0 || perSecond >= 9.95 ? String(Math.round(perSecond)) : perSecond.toFixed(1);
}
