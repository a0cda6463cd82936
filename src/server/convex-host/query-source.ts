import { z } from "zod";
import { decodeOperand, compileExpression, isTrue, type Expression } from "./filter";
import { failed, HostError } from "./host-error";
import { EVERYTHING, type Key, type KeyRange } from "./key-range";
import type { IndexSchema } from "./schema";
import { jsonSchema } from "./values";

const order = z.enum(["asc", "desc"]).nullable();
const rangeExpression = z.object({
  type: z.enum(["Eq", "Gt", "Gte", "Lt", "Lte"]),
  fieldPath: z.string(),
  value: jsonSchema,
});
type RangeExpression = z.infer<typeof rangeExpression>;

/** A query as the library's builder gives it. */
export const querySchema = z.object({
  source: z.discriminatedUnion("type", [
    z.object({ type: z.literal("FullTableScan"), tableName: z.string(), order }),
    z.object({
      type: z.literal("IndexRange"),
      indexName: z.string(),
      range: z.array(rangeExpression),
      order,
    }),
    z.object({ type: z.literal("Search") }),
  ]),
  operators: z.array(
    z.union([z.object({ filter: jsonSchema }), z.object({ limit: z.number().int().nonnegative() })]),
  ),
});
export type Query = z.infer<typeof querySchema>;

export interface Source {
  tableName: string;
  indexName: string;
  range: readonly RangeExpression[];
  isDescending: boolean;
}

/** @throws HostError `failed` */
export function sourceOf({ source }: Query): Source {
  if (source.type === "Search") throw new HostError("failed", "This host has no search indexes.");
  const isDescending = source.order === "desc";
  if (source.type === "FullTableScan")
    return { tableName: source.tableName, indexName: "by_creation_time", range: [], isDescending };
  const [tableName = "", indexName = ""] = source.indexName.split(".");
  return { tableName, indexName, range: source.range, isDescending };
}

export type Operator = { keeps: (doc: Parameters<Expression>[0]) => boolean } | { limit: number };

export function operatorsOf({ operators }: Query): Operator[] {
  return operators.map((operator) => {
    if ("limit" in operator) return operator;
    const expression = compileExpression(operator.filter);
    return { keeps: (doc) => isTrue(expression(doc)) };
  });
}

/**
 * Where in an index the documents are that a range names: equal fields first, in the index's order, then bounds of one more.
 * @throws HostError `failed`
 */
export function keyRangeOf(index: IndexSchema, range: readonly RangeExpression[]): KeyRange {
  const bounded = range.findIndex(({ type }) => type !== "Eq");
  const equal = bounded === -1 ? range : range.slice(0, bounded);
  const bounds = bounded === -1 ? [] : range.slice(bounded);
  for (const [i, { fieldPath }] of equal.entries()) requireField(index, i, fieldPath);
  for (const { fieldPath } of bounds) requireField(index, equal.length, fieldPath);
  const prefix: Key = equal.map(({ value }) => decodeOperand(value));
  const result = { lo: { ...EVERYTHING.lo, prefix }, hi: { ...EVERYTHING.hi, prefix } };
  const seen = new Set<string>();
  for (const { type, value } of bounds) {
    if (type === "Eq") throw failed("An index range has its equal fields first, its bounds last.");
    const side = type === "Gt" || type === "Gte" ? "lo" : "hi";
    if (seen.has(side)) throw failed("An index range has one lower and one upper bound at most.");
    seen.add(side);
    result[side] = {
      prefix: [...prefix, decodeOperand(value)],
      isAfter: type === "Gt" || type === "Lte",
    };
  }
  return result;
}

function requireField(index: IndexSchema, at: number, fieldPath: string): void {
  const expected = index.fields[at];
  if (expected !== fieldPath)
    throw failed(
      `Index ${index.name} is read by its fields in order: expected ${expected ?? "no further field"}, got ${fieldPath}.`,
    );
}
