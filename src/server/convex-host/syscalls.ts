import type { JSONValue } from "convex/values";
import { z } from "zod";
import type { Call } from "./call";
import { decodeOperand } from "./filter";
import { failed, type HostError } from "./host-error";
import type { Identity } from "./identity";
import { querySchema } from "./query-source";
import type { Schema } from "./schema";
import type { Store } from "./store";
import { openStream, type Stream } from "./streams";
import { decodeDocument, type Transaction } from "./transaction";
import { jsonSchema, type ValueObject } from "./values";

export interface Execution {
  schema: Schema;
  store: Store;
  transaction: Transaction;
  identity: Identity | null;
  /** Told when the function asks who calls. */
  onAuthRead(): void;
  /** Runs another function within this one; nothing else of this one writes meanwhile. @returns the result's JSON */
  runNested(udf: { kind: "query" | "mutation"; path: string; args: JSONValue }): Promise<string>;
  /** Told how long the database worked for the function. @throws HostError when the function has used up its time */
  onSyscall(tookMs: number): void;
  isOver(): boolean;
}

const byId = z.object({
  id: z.string(),
  table: z.string().optional(),
  isSystem: z.literal(false, "this host has no system tables").optional(),
});
const withValue = byId.extend({ value: jsonSchema });
const byQueryId = z.object({ queryId: z.number() });
const userTable = z.string().regex(/^[^_]/, "this host has no system tables");
const withQuery = z.object({ query: querySchema });
const ofTable = z.object({ table: z.string(), value: jsonSchema });
const withIdString = z.object({ table: userTable, idString: z.string() });

/** The operations that the client library's server half asks for, each JSON in, JSON out. */
export function createCall(execution: Execution): Call {
  const streams: Stream[] = [];
  let nested: Promise<string> | null = null;
  const timed = <T>(run: () => T): T => {
    const startedAt = performance.now();
    try {
      return run();
    } finally {
      execution.onSyscall(performance.now() - startedAt);
    }
  };
  return {
    isOver: execution.isOver,
    syscall: (operation, argsJson) =>
      timed(() => syncOperation(execution, streams, { operation, args: JSON.parse(argsJson) })),
    asyncSyscall: async (operation, argsJson) => {
      const args: unknown = JSON.parse(argsJson);
      while (nested !== null) await nested.catch(() => undefined);
      if (execution.isOver()) return new Promise<never>(() => undefined);
      if (operation === "1.0/runUdf") {
        nested = runUdf(execution, args).finally(() => (nested = null));
        return nested;
      }
      return timed(() => asyncOperation(execution, streams, { operation, args }));
    },
  };
}

interface Operation {
  operation: string;
  args: unknown;
}

function syncOperation(execution: Execution, streams: Stream[], { operation, args }: Operation): string {
  switch (operation) {
    case "1.0/queryStream": {
      const { query } = withQuery.parse(args);
      streams.push(openStream(query, execution));
      return JSON.stringify({ queryId: streams.length - 1 });
    }
    case "1.0/queryCleanup":
      return "{}";
    case "1.0/db/normalizeId": {
      const { table, idString } = withIdString.parse(args);
      return JSON.stringify({ id: execution.schema.isIdOf(table, idString) ? idString : null });
    }
    default:
      throw unsupported(operation);
  }
}

function asyncOperation(execution: Execution, streams: Stream[], { operation, args }: Operation): string {
  const { transaction } = execution;
  switch (operation) {
    case "1.0/queryStreamNext": {
      const json = streams[byQueryId.parse(args).queryId]?.next() ?? null;
      return json === null ? '{"value":null,"done":true}' : `{"value":${json},"done":false}`;
    }
    case "1.0/get": {
      const { id, table } = byId.parse(args);
      return transaction.get(id, table).entry?.json() ?? "null";
    }
    case "1.0/insert": {
      const { table, value } = ofTable.parse(args);
      return JSON.stringify({ _id: transaction.insert(table, value) });
    }
    case "1.0/shallowMerge": {
      const { value, ...at } = withValue.parse(args);
      const patch = decodePatch(value);
      transaction.update(at, ({ doc }) => ({ fields: { ...doc, ...patch } }));
      return "{}";
    }
    case "1.0/replace": {
      const { value, ...at } = withValue.parse(args);
      const fields = decodeDocument(value);
      transaction.update(at, () => ({ fields }));
      return "{}";
    }
    case "1.0/remove":
      transaction.update(byId.parse(args), () => null);
      return "{}";
    case "1.0/getUserIdentity":
      execution.onAuthRead();
      return JSON.stringify(execution.identity);
    case "1.0/queryPage":
      throw failed("This host does not paginate. Read windows of an index with .take(n).");
    default:
      throw unsupported(operation);
  }
}

function unsupported(operation: string): HostError {
  return failed(`This host does not have ${operation.replace(/^1\.0\//, "")}.`);
}

/** A patch takes fields away by naming them without a value. */
function decodePatch(json: JSONValue): ValueObject {
  const fields = z.record(z.string(), jsonSchema).parse(json);
  const removed = Object.keys(fields).filter((name) => decodeIsUndefined(fields[name]));
  const kept = Object.fromEntries(Object.entries(fields).filter(([name]) => !removed.includes(name)));
  return { ...decodeDocument(kept), ...Object.fromEntries(removed.map((name) => [name, undefined])) };
}

function decodeIsUndefined(json: JSONValue | undefined): boolean {
  return isObjectJson(json) && "$undefined" in json && decodeOperand(json) === undefined;
}

function isObjectJson(json: JSONValue | undefined): json is Record<string, JSONValue> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

const udf = z.object({
  udfType: z.enum(["query", "mutation"], { error: "this host has no stale snapshots" }),
  args: jsonSchema,
  name: z.string({ error: "this host has no components and no function handles" }),
  transactionLimits: z.undefined({ error: "this host has no limits of a call's own" }).optional(),
});

async function runUdf(execution: Execution, args: unknown): Promise<string> {
  const { udfType: kind, name: path, args: given } = udf.parse(args);
  return execution.runNested({ kind, path, args: given });
}
