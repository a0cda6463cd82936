import {
  defineSchema,
  defineTable,
  makeFunctionReference,
  mutationGeneric,
  queryGeneric,
  type DataModelFromSchemaDefinition,
  type GenericDatabaseReader,
  type GenericDatabaseWriter,
  type MutationBuilder,
  type QueryBuilder,
} from "convex/server";
import { convexToJson, jsonToConvex, v, type JSONValue, type Value } from "convex/values";
import { z } from "zod";
import { jsonSchema } from "./values";

/** What both sides of the comparison run: the same schema, the same functions, the same steps in the same order. */
export const schema = defineSchema({
  things: defineTable({
    ref: v.number(),
    a: v.optional(v.any()),
    b: v.optional(v.union(v.number(), v.string(), v.null())),
    inner: v.optional(v.object({ x: v.optional(v.any()) })),
  })
    .index("by_a", ["a"])
    .index("by_b_a", ["b", "a"])
    .index("by_inner", ["inner.x", "ref"]),
});

type DataModel = DataModelFromSchemaDefinition<typeof schema>;
type Doc = DataModel["things"]["document"];

/** A missing value is undefined. */
const operand = z.object({ field: z.string(), value: jsonSchema.optional() });
const step = z.discriminatedUnion("do", [
  z.object({ do: z.literal("insert"), doc: jsonSchema }),
  z.object({ do: z.literal("replace"), at: z.number(), doc: jsonSchema }),
  z.object({ do: z.literal("patch"), at: z.number(), doc: jsonSchema, unset: z.array(z.string()) }),
  z.object({ do: z.literal("delete"), at: z.number() }),
  z.object({ do: z.literal("get"), at: z.number() }),
  z.object({
    do: z.literal("query"),
    index: z.string().nullable(),
    bounds: z.array(operand.extend({ type: z.enum(["eq", "gt", "gte", "lt", "lte"]) })),
    order: z.enum(["asc", "desc"]),
    filter: operand.extend({ type: z.enum(["eq", "neq"]) }).nullable(),
    mode: z.enum(["collect", "take", "first", "unique"]),
    limit: z.number(),
  }),
]);
export type Step = z.infer<typeof step>;
const steps = z.array(step);

/** Some steps in one function: a mutation, or a query when nothing is written. */
export const batch = z.object({ kind: z.enum(["change", "ask"]), steps });
export type Batch = z.infer<typeof batch>;

/** What came of a batch; null when it failed. */
export const batchResult = z.object({ ids: z.array(z.string()), found: z.array(jsonSchema) }).nullable();
export type BatchResult = z.infer<typeof batchResult>;

const args = { steps: v.string(), ids: v.array(v.string()) };
const mutation: MutationBuilder<DataModel, "public"> = mutationGeneric;
const query: QueryBuilder<DataModel, "public"> = queryGeneric;

const change = mutation({
  args,
  handler: async ({ db }, given) => {
    const ids = [...given.ids];
    const found: JSONValue[] = [];
    for (const one of steps.parse(JSON.parse(given.steps))) {
      if (one.do === "get" || one.do === "query") found.push(await look(db, one, ids));
      else await write(db, one, ids);
    }
    return JSON.stringify({ ids, found });
  },
});

const ask = query({
  args,
  handler: async ({ db }, given) => {
    const found: JSONValue[] = [];
    for (const one of steps.parse(JSON.parse(given.steps))) {
      if (one.do === "get" || one.do === "query") found.push(await look(db, one, given.ids));
    }
    return JSON.stringify({ ids: given.ids, found });
  },
});

export const modules = { steps: { change, ask } };
type Args = { steps: string; ids: string[] };
export const references = {
  change: makeFunctionReference<"mutation", Args, string>("steps:change"),
  ask: makeFunctionReference<"query", Args, string>("steps:ask"),
};

async function write(
  db: GenericDatabaseWriter<DataModel>,
  one: Exclude<Step, { do: "get" | "query" }>,
  ids: string[],
): Promise<void> {
  if (one.do === "insert") {
    ids.push(await db.insert("things", docOf(one.doc)));
    return;
  }
  const id = idAt(ids, one.at);
  if (one.do === "delete") await db.delete("things", id);
  else if (one.do === "replace") await db.replace("things", id, docOf(one.doc));
  else {
    const unset = Object.fromEntries(one.unset.map((name) => [name, undefined]));
    await db.patch("things", id, { ...docOf(one.doc), ...unset });
  }
}

async function look(
  db: GenericDatabaseReader<DataModel>,
  one: Extract<Step, { do: "get" | "query" }>,
  ids: readonly string[],
): Promise<JSONValue> {
  if (one.do === "get") return bare(await db.get("things", idAt(ids, one.at)));
  // Which index it is, is known only when it runs, so its types are not.
  const table = db.query("things") as unknown as UntypedQuery;
  const ranged = one.index === null ? table : table.withIndex(one.index, (q) => bounded(q, one.bounds));
  const ordered = ranged.order(one.order);
  const { filter } = one;
  const filtered =
    filter === null
      ? ordered
      : ordered.filter((q) => q[filter.type](q.field(filter.field), valueOf(filter.value)));
  if (one.mode === "first") return bare(await filtered.first());
  if (one.mode === "unique") return bare(await filtered.unique());
  const docs = one.mode === "take" ? await filtered.take(one.limit) : await filtered.collect();
  return docs.map(bare);
}

type Bound = Extract<Step, { do: "query" }>["bounds"][number];
type UntypedRange = Record<Bound["type"], (field: string, value: Value | undefined) => UntypedRange>;
interface UntypedFilter {
  field(name: string): unknown;
  eq(a: unknown, b: unknown): unknown;
  neq(a: unknown, b: unknown): unknown;
}
interface UntypedQuery {
  withIndex(name: string, range: (q: UntypedRange) => UntypedRange): UntypedQuery;
  order(order: "asc" | "desc"): UntypedQuery;
  filter(predicate: (q: UntypedFilter) => unknown): UntypedQuery;
  collect(): Promise<Doc[]>;
  take(n: number): Promise<Doc[]>;
  first(): Promise<Doc | null>;
  unique(): Promise<Doc | null>;
}

function bounded(range: UntypedRange, bounds: readonly Bound[]): UntypedRange {
  return bounds.reduce((q, { type, field, value }) => q[type](field, valueOf(value)), range);
}

function valueOf(json: JSONValue | undefined): Value | undefined {
  return json === undefined ? undefined : jsonToConvex(json);
}

/** The schema refuses what does not fit, and that it does is a part of the comparison. */
function docOf(json: JSONValue): Omit<Doc, "_id" | "_creationTime"> {
  return jsonToConvex(json) as Omit<Doc, "_id" | "_creationTime">;
}

function idAt(ids: readonly string[], at: number): Doc["_id"] {
  return ids[at % ids.length] as Doc["_id"];
}

/** Ids and times differ on the two sides; `ref` says which document it is. */
function bare(doc: Doc | null): JSONValue {
  if (doc === null) return null;
  const { _id, _creationTime, ...fields } = doc;
  return convexToJson(fields);
}
