import type { SidecarEventBody } from "../contract";
import { headOf } from "./cut";

/** From one release of deltas to the next, at least. On the way to a page everything costs by the event, not by its length. */
export const COALESCE_WINDOW_MS = 40;
/** No delta is longer; a JSON string takes at most 6 bytes a unit, so this stays under the limit of an event. */
export const MAX_DELTA_UNITS = 32 * 1024;

type Delta = Extract<SidecarEventBody, { type: "part.delta" | "tool.output" }>;

/**
 * Joins deltas of the same part within a window; the first after a quiet moment is passed on at once. Anything else first
 * releases what is held, so the order of events stays. Whoever makes one calls {@link Coalescer.flush} before the end: a timer
 * is pending while text is held.
 */
export class Coalescer {
  readonly #release: (events: SidecarEventBody[]) => void;
  readonly #windowMs: number;
  readonly #held = new Map<string, { first: Delta; text: string }>();
  #timer: NodeJS.Timeout | null = null;
  /** When deltas were passed on last, in ms of the monotonic clock. */
  #releasedAt = -Infinity;

  constructor(release: (events: SidecarEventBody[]) => void, windowMs = COALESCE_WINDOW_MS) {
    this.#release = release;
    this.#windowMs = windowMs;
  }

  push(events: readonly SidecarEventBody[]): void {
    const out: SidecarEventBody[] = [];
    for (const event of events) {
      if (event.type === "part.delta" || event.type === "tool.output") this.#hold(event, out);
      else out.push(...this.#drain(), event);
    }
    const waitMs = this.#releasedAt + this.#windowMs - performance.now();
    if (waitMs <= 0) out.push(...this.#drain());
    if (out.length > 0) this.#release(out);
    if (this.#held.size > 0) this.#timer ??= setTimeout(() => this.flush(), waitMs);
  }

  /** Passes on what is held, at once. */
  flush(): void {
    const out = this.#drain();
    if (out.length > 0) this.#release(out);
  }

  #hold(event: Delta, out: SidecarEventBody[]): void {
    const key = `${event.type} ${event.data.partId}`;
    const text = event.type === "part.delta" ? event.data.text : event.data.suffix;
    const held = this.#held.get(key);
    let whole = (held?.text ?? "") + text;
    const first = held?.first ?? event;
    while (whole.length > MAX_DELTA_UNITS) {
      const head = headOf(whole, MAX_DELTA_UNITS);
      out.push(withText(first, head));
      whole = whole.slice(head.length);
    }
    if (whole.length > 0) this.#held.set(key, { first, text: whole });
    else this.#held.delete(key);
  }

  #drain(): SidecarEventBody[] {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#held.size > 0) this.#releasedAt = performance.now();
    const out = [...this.#held.values()].map(({ first, text }) => withText(first, text));
    this.#held.clear();
    return out;
  }
}

function withText(event: Delta, text: string): SidecarEventBody {
  return event.type === "part.delta"
    ? { type: "part.delta", data: { ...event.data, text } }
    : { type: "tool.output", data: { ...event.data, suffix: text } };
}
