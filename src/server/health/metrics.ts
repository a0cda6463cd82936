import { collectDefaultMetrics, Gauge, type Registry } from "prom-client";
import type { Readings } from "./readings";

/** For Prometheus. No label holds an id, a title or an address of anybody. */
export interface Metrics {
  readonly contentType: string;
  /** All series as text, read at this moment. */
  text(): Promise<string>;
}

/** @param deps.registry with the series of the meters */
export function createMetrics(deps: {
  registry: Registry;
  version: string;
  readings: () => Promise<Readings>;
}): Metrics {
  const { registry } = deps;
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string) => {
    const made = new Gauge({ name, help, registers: [registry] });
    return (value: number) => made.set(value);
  };
  const info = new Gauge({
    name: "openagent_info",
    help: "1, with the server's version",
    labelNames: ["version"],
    registers: [registry],
  });
  info.set({ version: deps.version }, 1);
  const sessions = new Gauge({
    name: "openagent_sessions",
    help: "Sessions by state",
    labelNames: ["state"],
    registers: [registry],
  });
  const set = {
    streamsDown: gauge("openagent_session_streams_down", "Running sessions whose events do not come in"),
    promptsWaiting: gauge("openagent_prompts_waiting", "Prompts that wait in line"),
    requestsOpen: gauge("openagent_requests_open", "Requests of agents that nobody has answered"),
    waiting: gauge("openagent_mirror_marks_waiting", "Changes that the mirror has still to be told"),
    oldest: gauge("openagent_mirror_oldest_mark_seconds", "Age of the oldest change that it has to be told"),
    parked: gauge(
      "openagent_mirror_marks_parked",
      "Rows and events that the mirror refused and that are left out",
    ),
    free: gauge("openagent_data_free_bytes", "Free bytes of the data directory's file system"),
    total: gauge("openagent_data_size_bytes", "Size of the data directory's file system"),
    database: gauge("openagent_database_bytes", "Size of the database"),
  };
  const take = (now: Readings) => {
    for (const [state, count] of Object.entries(now.sessions)) sessions.set({ state }, count);
    set.streamsDown(now.streamsDown);
    set.promptsWaiting(now.promptsWaiting);
    set.requestsOpen(now.requestsOpen);
    set.waiting(now.mirror.waiting);
    set.oldest(now.mirror.oldestMs / 1000);
    set.parked(now.mirror.parked);
    set.free(now.disk.freeBytes);
    set.total(now.disk.totalBytes);
    set.database(now.disk.databaseBytes);
  };
  return {
    contentType: registry.contentType,
    async text() {
      take(await deps.readings());
      return registry.metrics();
    },
  };
}
