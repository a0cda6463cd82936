import { Counter, Histogram, type Registry } from "prom-client";
import type { ProvisioningStep } from "../../../sidecar/src/contract";
import type { DriverErrorCode } from "../../drivers/driver";
import type { Clock } from "../clock";
import { createRecentCounts, createRecentValues } from "./recent";

/** What services tell as it happens, cheaply; all else is read when somebody looks. */
export interface Meters {
  /** A batch of a session's events is committed. @param oldestAt when its sidecar made the first of them, ISO 8601 */
  eventsTaken(count: number, oldestAt: string): void;
  /** `wait`: for its turn among those that start. */
  startStep(step: ProvisioningStep | "wait", ms: number): void;
  /** A session got ready, or did not. @param ms from the wish to the end */
  startEnded(outcome: "ready" | "failed", ms: number): void;
  engineFailed(code: DriverErrorCode): void;
  /** Somebody set the machine's clock, or it slept. */
  clockJumped(): void;
}

/** What the meters say of the last minute or hour. */
export interface RecentFigures {
  eventsPerSecond: number;
  /** Of the last minute's batches; null: there were none. */
  streamLagP95Ms: number | null;
  /** Of the last hour's starts; null: there were none. */
  startP50Ms: number | null;
  /** Of the last hour, by code; codes without any are left out. */
  engineErrors: Partial<Record<DriverErrorCode, number>>;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** At sixty batches a second and session the last second of a busy minute is left: enough for a quantile. */
const LAGS_KEPT = 4_096;
const STARTS_KEPT = 512;
/** Seconds. Events come up to sixty times a second; what a server missed while it was away is older by that. */
const LAG_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600];
const START_BUCKETS = [0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120];
const STEP_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60];
/** A record, so that a new code is not forgotten: series that begin with their first failure hide it from `rate`. */
const ENGINE_CODES: Record<DriverErrorCode, 0> = {
  engine_unreachable: 0,
  engine_permission: 0,
  image_missing: 0,
  out_of_disk: 0,
  name_taken: 0,
  instance_gone: 0,
  engine_error: 0,
};

/** @param deps.registry gets the series that the meters feed */
export function createMeters(deps: {
  registry: Registry;
  clock: Clock;
}): Meters & { recent(): RecentFigures } {
  const { clock } = deps;
  const series = createSeries(deps.registry);
  const now = () => clock.monotonicNow();
  const events = createRecentCounts({ windowMs: MINUTE_MS, slots: 60, now });
  const lags = createRecentValues({ windowMs: MINUTE_MS, most: LAGS_KEPT, now });
  const starts = createRecentValues({ windowMs: HOUR_MS, most: STARTS_KEPT, now });
  const engineErrors = createRecentCounts({ windowMs: HOUR_MS, slots: 60, now });
  return {
    eventsTaken(count, oldestAt) {
      // Somebody may have set the clock back.
      const lagMs = Math.max(clock.now() - Date.parse(oldestAt), 0);
      series.events.inc(count);
      series.lag.observe(lagMs / 1000);
      events.add("events", count);
      lags.add(lagMs);
    },
    startStep: (step, ms) => series.steps.observe({ step }, ms / 1000),
    startEnded(outcome, ms) {
      series.starts.observe({ outcome }, ms / 1000);
      if (outcome === "ready") starts.add(ms);
    },
    engineFailed(code) {
      series.engineErrors.inc({ code });
      engineErrors.add(code);
    },
    clockJumped: () => series.clockJumps.inc(),
    recent: () => ({
      eventsPerSecond: (events.totals().get("events") ?? 0) / (MINUTE_MS / 1000),
      streamLagP95Ms: lags.quantile(0.95),
      startP50Ms: starts.quantile(0.5),
      engineErrors: Object.fromEntries(engineErrors.totals()),
    }),
  };
}

function createSeries(registry: Registry) {
  const registers = [registry];
  const engineErrors = new Counter({
    name: "openagent_engine_errors_total",
    help: "Calls of the container engine that failed, by code",
    labelNames: ["code"],
    registers,
  });
  for (const code of Object.keys(ENGINE_CODES)) engineErrors.inc({ code }, 0);
  return {
    engineErrors,
    clockJumps: new Counter({
      name: "openagent_clock_jumps_total",
      help: "Times that the machine's clock moved against the time that passed: it was set, or the machine slept",
      registers,
    }),
    events: new Counter({
      name: "openagent_events_total",
      help: "Events of sessions taken into the log",
      registers,
    }),
    lag: new Histogram({
      name: "openagent_event_lag_seconds",
      help: "From a sidecar's making the oldest event of a batch to its commit",
      buckets: LAG_BUCKETS,
      registers,
    }),
    starts: new Histogram({
      name: "openagent_session_start_seconds",
      help: "From a session's create or resume to ready, or to its failure",
      labelNames: ["outcome"],
      buckets: START_BUCKETS,
      registers,
    }),
    steps: new Histogram({
      name: "openagent_session_start_step_seconds",
      help: "Steps of sessions' starts",
      labelNames: ["step"],
      buckets: STEP_BUCKETS,
      registers,
    }),
  };
}
