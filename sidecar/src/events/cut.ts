import { MAX_EVENT_BYTES, type SidecarEventBody } from "../contract";

/** Room for epoch, n, time and type around an event's `data`. */
const ENVELOPE_BYTES = 512;

/** Of a long text that grows: enough of its end to find the place in a later copy where it goes on. */
export const KEPT_TAIL_UNITS = 64 * 1024;

/** The first `max` UTF-16 units, never ending in half a surrogate pair. */
export function headOf(text: string, max: number): string {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
}

/** `text` cut to `max` units with a line that says how much is missing. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = headOf(text, max);
  return `${head}\n… (${text.length - head.length} more characters are not shown)`;
}

/** Copies JSON-like data with every string longer than `max` cut; depth is bounded, as the agent's input is foreign. */
export function cutStrings(value: unknown, max: number, depth = 12): unknown {
  if (typeof value === "string") return cutText(value, max);
  if (depth === 0) return "…";
  if (Array.isArray(value)) return value.map((item) => cutStrings(item, max, depth - 1));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, cutStrings(item, max, depth - 1)]),
  );
}

function bytesOf(body: SidecarEventBody): number {
  return Buffer.byteLength(JSON.stringify(body.data)) + ENVELOPE_BYTES;
}

/**
 * The event, or a copy with its long strings cut until its JSON is within {@link MAX_EVENT_BYTES}.
 * Returns null when even short strings do not make it fit (thousands of fields): such an event is dropped by the caller, with a log line.
 */
export function fitEvent(body: SidecarEventBody): SidecarEventBody | null {
  if (bytesOf(body) <= MAX_EVENT_BYTES) return body;
  for (let max = 64 * 1024; max >= 64; max = Math.floor(max / 4)) {
    // Only strings get shorter, so the shape stays the event's own.
    const cut = { type: body.type, data: cutStrings(body.data, max) } as SidecarEventBody;
    if (bytesOf(cut) <= MAX_EVENT_BYTES) return cut;
  }
  return null;
}
