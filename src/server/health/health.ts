import type { Clock } from "../clock";
import type { Readiness, System } from "../system";
import type { LoopLag } from "./loop-lag";
import type { Metrics } from "./metrics";
import type { RecentFigures } from "./meters";
import type { Readings } from "./readings";

/** How the server is, at a glance; what {@link Metrics} says with its past, for people. */
export interface HealthReport extends Readings, Readiness {
  version: string;
  /** ISO 8601 */
  startedAt: string;
  uptimeSeconds: number;
  recent: RecentFigures;
  /** 99th percentile of the last minute or two: how late timers are. */
  loopLagP99Ms: number;
}

export interface Health {
  report(): Promise<HealthReport>;
  metrics: Metrics;
}

export function createHealth(deps: {
  system: Pick<System, "version" | "readiness">;
  metrics: Metrics;
  meters: { recent(): RecentFigures };
  readings: () => Promise<Readings>;
  loopLag: Pick<LoopLag, "p99Ms">;
  clock: Clock;
}): Health {
  const { system, clock } = deps;
  const startedAt = new Date(clock.now()).toISOString();
  const startedMs = clock.monotonicNow();
  return {
    metrics: deps.metrics,
    async report() {
      const [readiness, readings] = await Promise.all([system.readiness(), deps.readings()]);
      return {
        ...readiness,
        ...readings,
        version: system.version,
        startedAt,
        uptimeSeconds: Math.floor((clock.monotonicNow() - startedMs) / 1000),
        recent: deps.meters.recent(),
        loopLagP99Ms: deps.loopLag.p99Ms(),
      };
    },
  };
}
