import type { Value } from "convex/values";
import { compare } from "./values";

/** What an index orders a document by: its fields, then creation time and id. */
export type Key = readonly (Value | undefined)[];

/** A place between keys: before or after all that begin with `prefix`. */
export interface Position {
  prefix: Key;
  isAfter: boolean;
}

/** From `lo` to `hi`. */
export interface KeyRange {
  lo: Position;
  hi: Position;
}

export const EVERYTHING: KeyRange = {
  lo: { prefix: [], isAfter: false },
  hi: { prefix: [], isAfter: true },
};

export function compareKeys(a: Key, b: Key): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const order = compare(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

export function isBefore(key: Key, { prefix, isAfter }: Position): boolean {
  for (let i = 0; i < prefix.length; i++) {
    const order = compare(key[i], prefix[i]);
    if (order !== 0) return order < 0;
  }
  return isAfter;
}

export function isWithin(key: Key, { lo, hi }: KeyRange): boolean {
  return !isBefore(key, lo) && isBefore(key, hi);
}
