import { Registry } from "prom-client";
import { beforeEach, expect, it } from "vitest";
import { type Driver, DriverError } from "../../drivers/driver";
import { type ManualClock, manualClock } from "../clock.testing";
import { createMeters } from "./meters";
import { createStartTimes } from "./start-times";
import { watchedDriver } from "./watched-driver";

let clock: ManualClock;
let registry: Registry;
let meters: ReturnType<typeof createMeters>;
beforeEach(() => {
  clock = manualClock();
  registry = new Registry();
  meters = createMeters({ registry, clock });
});
const ago = (ms: number) => new Date(clock.now() - ms).toISOString();
const lines = async () => (await registry.metrics()).split("\n").filter((line) => !line.startsWith("#"));

it("counts events and how late they came, and says so of the last minute", async () => {
  meters.eventsTaken(100, ago(20));
  meters.eventsTaken(20, ago(3_000));
  expect(await lines()).toEqual(
    expect.arrayContaining([
      "openagent_events_total 120",
      'openagent_event_lag_seconds_bucket{le="0.01"} 0',
      'openagent_event_lag_seconds_bucket{le="0.025"} 1',
      'openagent_event_lag_seconds_bucket{le="10"} 2',
    ]),
  );
  expect(meters.recent()).toMatchObject({ eventsPerSecond: 2, streamLagP95Ms: 3_000 });
  clock.advance(60_000);
  expect(meters.recent()).toMatchObject({ eventsPerSecond: 0, streamLagP95Ms: null });
});

it("takes an event of a moment that is still to come, after somebody set the clock back, as not late", () => {
  const at = ago(0);
  clock.shift(-3_600_000);
  meters.eventsTaken(1, at);
  expect(meters.recent().streamLagP95Ms).toBe(0);
});

it("counts that the clock was set", async () => {
  expect(await lines()).toContain("openagent_clock_jumps_total 0");
  meters.clockJumped();
  expect(await lines()).toContain("openagent_clock_jumps_total 1");
});

it("times a start by its steps, the wait for its turn among them", async () => {
  const times = createStartTimes(meters, clock.monotonicNow, clock.monotonicNow());
  clock.advance(400);
  times.step("image");
  clock.advance(40);
  times.step("container");
  clock.advance(1_500);
  times.ended("ready");
  expect(await lines()).toEqual(
    expect.arrayContaining([
      'openagent_session_start_step_seconds_sum{step="wait"} 0.4',
      'openagent_session_start_step_seconds_sum{step="image"} 0.04',
      'openagent_session_start_step_seconds_sum{step="container"} 1.5',
      'openagent_session_start_seconds_sum{outcome="ready"} 1.94',
    ]),
  );
  expect(meters.recent().startP50Ms).toBe(1_940);
});

it("leaves the step at which a start failed out, and the start out of those that got ready", async () => {
  const times = createStartTimes(meters, clock.monotonicNow, clock.monotonicNow());
  times.step("image");
  clock.advance(70);
  times.ended("failed");
  const all = await lines();
  expect(all).toContain('openagent_session_start_seconds_sum{outcome="failed"} 0.07');
  expect(all.filter((line) => /outcome="ready"|step="image"/.test(line))).toEqual([]);
  expect(meters.recent().startP50Ms).toBeNull();
});

it("counts the driver's failures by their code, and hands each on", async () => {
  const gone = new DriverError("instance_gone", "It is gone.", "404");
  let told: DriverError | null = null;
  const driver: Partial<Driver> = {
    ping: async () => ({ version: "1", usernsRemap: false, dataDirectory: "/engine" }),
    inspect: () => Promise.reject(gone),
    list: () => Promise.reject(new Error("no failure of the engine's")),
    watch: (handlers) => handlers.onError(new DriverError("engine_unreachable", "Start it.", "ENOENT")),
  };
  const watched = watchedDriver(driver as Driver, (code) => meters.engineFailed(code));
  expect(await watched.ping()).toMatchObject({ version: "1", usernsRemap: false });
  await expect(watched.inspect("ins_1")).rejects.toBe(gone);
  await expect(watched.list()).rejects.toThrow("no failure of the engine's");
  const handlers = { onEvent: () => undefined, onResync: () => undefined };
  watched.watch({ ...handlers, onError: (error) => (told = error) }, new AbortController().signal);
  expect(told).toMatchObject({ code: "engine_unreachable" });
  expect(meters.recent().engineErrors).toEqual({ instance_gone: 1, engine_unreachable: 1 });
  expect(await lines()).toEqual(
    expect.arrayContaining([
      'openagent_engine_errors_total{code="instance_gone"} 1',
      'openagent_engine_errors_total{code="out_of_disk"} 0',
    ]),
  );
  clock.advance(3_600_000);
  expect(meters.recent().engineErrors).toEqual({});
});
