import { setTimeout as delay } from "node:timers/promises";
import type { SidecarEventBody } from "../contract";
import { Coalescer } from "../events/coalescer";
import type { Spool } from "../events/spool";
import { describeError } from "../log";

/** Where the events of turns go: coalesced into the spool. {@link Outlet.flush} before the end. */
export class Outlet {
  readonly #spool: Spool;
  readonly #coalescer: Coalescer;
  #partsClosed: (() => void) | null = null;

  constructor(spool: Spool) {
    this.#spool = spool;
    this.#coalescer = new Coalescer((events) => spool.append(events));
  }

  /** Bound, to be handed on. */
  readonly emit = (events: readonly SidecarEventBody[]): void => {
    if (events.length > 0) this.#coalescer.push(events);
    if (this.#partsClosed && !this.#spool.state.hasOpenParts) this.#partsClosed();
  };

  /** Resolves when none of the messages and parts that are open now is, or the time is up. */
  async partsClosed(limitMs: number): Promise<void> {
    const limit = new AbortController();
    const closed = new Promise<void>((resolve) => {
      this.#partsClosed = resolve;
    });
    await Promise.race([closed, delay(limitMs, undefined, { signal: limit.signal })]).catch(describeError);
    limit.abort();
    this.#partsClosed = null;
  }

  flush(): void {
    this.#coalescer.flush();
  }
}
