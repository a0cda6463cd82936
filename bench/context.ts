import { join } from "node:path";
import type Docker from "dockerode";

/** The project's folder. */
export const ROOT = join(import.meta.dirname, "..");

/** What every figure is given. */
export interface BenchContext {
  docker: Docker;
  /** Full reference of the session image; it is on the engine. */
  image: string;
  cleanup: Cleanup;
  /** Of figures about many sessions: how many. */
  sessions: number;
  /** Of those, how many somebody looks at. */
  watched: number;
  /** Of figures that take as long as one likes. */
  seconds: number;
  /** A line for whoever watches. */
  progress(line: string): void;
}

/** Undoes what a figure made: when it ends, and when the run is interrupted. */
export class Cleanup {
  readonly #steps = new Set<() => Promise<void>>();

  /** @returns runs the step now, once; it is then forgotten. */
  add(step: () => Promise<void>): () => Promise<void> {
    const once = async () => {
      if (this.#steps.delete(once)) await step();
    };
    this.#steps.add(once);
    return once;
  }

  /** Latest first; a step that fails does not keep the others from running. @throws AggregateError at the end */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of [...this.#steps].reverse())
      await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0)
      throw new AggregateError(failures, "Not everything the benchmark made was removed.");
  }
}

/** Lets the machine come to rest between two samples, so that the end of one is not the start of the next. */
export function settle(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
