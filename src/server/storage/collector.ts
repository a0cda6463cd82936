import type { Logger } from "../log";
import type { GarbageCollection } from "./garbage";

const EVERY_MS = 2 * 60_000;

/** Collects garbage when it is told to, and from then on every few minutes. */
export interface Collector {
  /** One pass at a time; never throws. */
  run(): Promise<void>;
  /** Ends with the pass that is under way. */
  stop(): Promise<void>;
}

export function createCollector(deps: {
  garbage: Pick<GarbageCollection, "collect">;
  logger: Pick<Logger, "warn">;
  everyMs?: number;
}): Collector {
  const { everyMs = EVERY_MS } = deps;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;
  let isStopped = false;
  const pass = async () => {
    try {
      await deps.garbage.collect("ours");
    } catch (err) {
      deps.logger.warn({ err }, "left-overs could not be looked for; it is tried again later");
    }
    running = null;
    if (!isStopped) timer = setTimeout(() => void run(), everyMs);
  };
  const run = (): Promise<void> => {
    clearTimeout(timer);
    if (isStopped) return Promise.resolve();
    return (running ??= pass());
  };
  return {
    run,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
