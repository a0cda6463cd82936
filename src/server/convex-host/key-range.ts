import type { Value } from "convex/values";
import { compare, valueAt, type ValueObject } from "./values";

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

/** A document's key in an index. @param paths of what the index orders by */
export function keyOf(doc: ValueObject, paths: readonly (readonly string[])[]): Key {
  return paths.map((path) => valueAt(doc, path));
}

/** A document's key against the first parts of another; 0: it begins with them. */
export function compareToPrefix(
  doc: ValueObject,
  paths: readonly (readonly string[])[],
  prefix: Key,
): number {
  for (let i = 0; i < prefix.length; i++) {
    const order = compare(valueAt(doc, paths[i] ?? []), prefix[i]);
    if (order !== 0) return order;
  }
  return 0;
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
