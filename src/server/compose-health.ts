import { Registry } from "prom-client";
import type { Clock } from "./clock";
import type { Database } from "./db/database";
import { watchClock } from "./health/clock-jumps";
import { createHealth, type Health } from "./health/health";
import { startLoopLag } from "./health/loop-lag";
import { createMeters, type Meters } from "./health/meters";
import { createMetrics } from "./health/metrics";
import { createReadings } from "./health/readings";
import type { Logger } from "./log";
import type { MirrorLag } from "./mirror/pusher";
import type { System } from "./system";

/** What is measured, in two steps: services tell the meters, and health reads the services. */
export interface Measuring {
  meters: Meters;
  health(deps: {
    db: Database;
    dataDir: string;
    system: System;
    isStreaming(sessionId: string): boolean;
    mirrorLag(): MirrorLag;
  }): Health;
  stop(): void;
}

export function composeMeasuring(clock: Clock, log: Pick<Logger, "warn">): Measuring {
  const registry = new Registry();
  const meters = createMeters({ registry, clock });
  const loopLag = startLoopLag();
  const clockWatch = watchClock({
    clock,
    onJump(byMs) {
      meters.clockJumped();
      log.warn({ byMs: Math.round(byMs) }, "the machine's clock was set, or the machine slept");
    },
  });
  return {
    meters,
    health({ system, ...deps }) {
      const readings = createReadings(deps);
      const metrics = createMetrics({ registry, version: system.version, readings });
      return createHealth({ system, metrics, meters, readings, loopLag, clock });
    },
    stop() {
      loopLag.stop();
      clockWatch.stop();
    },
  };
}
