import { z } from "zod";
import { STAND_IN_TYPE } from "../../timeline/stand-in";
import type { StoredEvent } from "../events/stored-events";
import type { MirrorEvent } from "./mirror-target";

/** Convex takes documents of 1 MiB; the rest of the row needs little. Bytes of JSON. */
export const MAX_EVENT_DATA_BYTES = 900_000;
const CUT = "\n\n[Cut here: the live view carries no more. Reload the page to read all of it.]";
/** Below this no text is cut any more: then it is their number that is too large. */
const LEAST_CHARACTERS = 64;

/** An event as the mirror has it. @param opts.isRefused it has a stand-in there */
export function mirrorEvent({ seq, at, type, data }: StoredEvent, opts: { isRefused: boolean }): MirrorEvent {
  const fitting = opts.isRefused ? null : fitEventData(data);
  return fitting === null ? { seq, at, type: STAND_IN_TYPE, data: "{}" } : { seq, at, type, data: fitting };
}

/**
 * An event's JSON as the mirror takes it: one that is too large has its long texts cut, and says so in each.
 * @returns null when no cutting helps
 */
export function fitEventData(json: string): string | null {
  if (json.length <= MAX_EVENT_DATA_BYTES / 3 || bytesOf(json) <= MAX_EVENT_DATA_BYTES) return json;
  const data: unknown = JSON.parse(json);
  for (let most = MAX_EVENT_DATA_BYTES / 2; most >= LEAST_CHARACTERS; most /= 2) {
    const cut = JSON.stringify(cutTexts(data, Math.floor(most)));
    if (bytesOf(cut) <= MAX_EVENT_DATA_BYTES) return cut;
  }
  return null;
}

const record = z.record(z.string(), z.unknown());

function cutTexts(value: unknown, mostCharacters: number): unknown {
  if (typeof value === "string") {
    return value.length <= mostCharacters ? value : value.slice(0, mostCharacters) + CUT;
  }
  if (Array.isArray(value)) return value.map((item) => cutTexts(item, mostCharacters));
  const object = record.safeParse(value);
  if (!object.success) return value;
  return Object.fromEntries(
    Object.entries(object.data).map(([name, item]) => [name, cutTexts(item, mostCharacters)]),
  );
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text, "utf8");
}
