import type { JSONValue, Value } from "convex/values";
import { failed } from "./host-error";
import { createId } from "./ids";
import { type Key, keyOf, type KeyRange } from "./key-range";
import { LIMITS } from "./limits";
import type { Schema, TableSchema } from "./schema";
import { type Document, Entry, type Store } from "./store";
import { decodeValue, isObject, type ValueObject } from "./values";

/** A part of an index that a function has looked at. */
export interface Read {
  table: string;
  index: string;
  range: KeyRange;
}

/** Keys that a commit has taken away or put in. */
export interface ChangedKey {
  table: string;
  index: string;
  key: Key;
}

export type Transaction = ReturnType<typeof createTransaction>;

/**
 * What one function reads and writes. Writes go to the store at once, for nobody else looks at it while a function runs;
 * {@link Transaction.rollBackTo} takes them back.
 */
export function createTransaction(deps: {
  schema: Schema;
  store: Store;
  nextCreationTime: () => number;
  isReadOnly: boolean;
}) {
  const { schema, store } = deps;
  const reads: Read[] = [];
  const undo: { table: TableSchema; id: string; old: Entry | null }[] = [];
  const spent = { docsRead: 0, bytesRead: 0, docsWritten: 0, bytesWritten: 0, rangesRead: 0 };

  function spend(what: keyof typeof spent, amount: number): void {
    spent[what] += amount;
    if (spent[what] > LIMITS[what])
      throw failed(`Too much in one function execution: ${what} is over its limit of ${LIMITS[what]}.`);
  }

  function readDocument(entry: Entry): void {
    spend("docsRead", 1);
    spend("bytesRead", entry.sizeBytes);
  }

  /** @returns the read, whose range may still be narrowed to what was consumed */
  function recordRead(read: Read): Read {
    spend("rangesRead", 1);
    reads.push(read);
    return read;
  }

  /** @throws HostError `failed` when this is no id, or one of another table */
  function tableOfId(id: string, expected: string | undefined): TableSchema {
    const table = schema.tableOf(id);
    if (table === undefined) throw failed("Invalid argument `id`: unable to decode the id.");
    if (expected !== undefined && table.name !== expected)
      throw failed(
        `Invalid argument \`id\`: expected an id of table ${expected}, got one of table ${table.name}.`,
      );
    return table;
  }

  function get(id: string, expected: string | undefined): { table: TableSchema; entry: Entry | null } {
    const table = tableOfId(id, expected);
    const at = [id];
    recordRead({
      table: table.name,
      index: "by_id",
      range: { lo: { prefix: at, isAfter: false }, hi: { prefix: at, isAfter: true } },
    });
    const entry = store.table(table.name)?.entries.get(id) ?? null;
    if (entry !== null) readDocument(entry);
    return { table, entry };
  }

  function write(table: TableSchema, id: string, doc: Document | null): void {
    if (deps.isReadOnly) throw failed("A query cannot write.");
    if (doc !== null && Object.keys(doc).length > LIMITS.objectFields)
      throw failed(`A document has too many fields (maximum ${LIMITS.objectFields}).`);
    const entry = doc === null ? null : new Entry(doc);
    if (entry !== null && entry.sizeBytes > LIMITS.documentBytes)
      throw failed(
        `A document of table ${table.name} is too large (${entry.sizeBytes} bytes > maximum ${LIMITS.documentBytes}).`,
      );
    spend("docsWritten", 1);
    spend("bytesWritten", entry?.sizeBytes ?? 0);
    undo.push({ table, id, old: store.put(table.name, id, entry) });
  }

  function insert(tableName: string, json: JSONValue): string {
    const table = schema.tables.get(tableName);
    if (table === undefined) throw failed(`Table ${tableName} is not in the schema.`);
    const id = createId(table.number);
    const fields = decodeDocument(json);
    write(table, id, documentOf(table, fields, { _id: id, _creationTime: deps.nextCreationTime() }));
    return id;
  }

  /** Puts other fields in the place of a document's own. */
  function update(
    at: { id: string; table?: string | undefined },
    change: (entry: Entry) => { fields: ValueObject } | null,
  ): void {
    const { table, entry } = get(at.id, at.table);
    if (entry === null) throw failed(`There is no document with the id ${at.id} to change.`);
    const changed = change(entry);
    if (changed === null) {
      write(table, at.id, null);
      return;
    }
    const { _id, _creationTime, ...fields } = changed.fields;
    if (_id !== undefined && _id !== at.id) throw failed("A document's _id cannot be changed.");
    if (_creationTime !== undefined && _creationTime !== entry.doc._creationTime)
      throw failed("A document's _creationTime cannot be changed.");
    const system = { _id: at.id, _creationTime: entry.doc._creationTime };
    write(table, at.id, documentOf(table, fields, system));
  }

  return {
    reads,
    get,
    recordRead,
    readDocument,
    insert,
    update,
    savepoint: () => undo.length,
    rollBackTo(savepoint: number): void {
      for (const { table, id, old } of undo.splice(savepoint).reverse()) store.put(table.name, id, old);
    },
    /** What others who read these keys have to hear of. */
    changedKeys(): ChangedKey[] {
      const first = new Map(
        [...undo].reverse().map((change): [string, (typeof undo)[number]] => [change.id, change]),
      );
      return [...first.values()].flatMap(({ table, id, old }) => {
        const now = store.table(table.name)?.entries.get(id) ?? null;
        const docs = [old, now].flatMap((entry) => (entry === null ? [] : [entry.doc]));
        return table.indexes.flatMap(({ name: index, paths }) =>
          docs.map((doc) => ({ table: table.name, index, key: keyOf(doc, paths) })),
        );
      });
    },
  };
}

/** @throws HostError `failed` */
export function decodeDocument(json: JSONValue): ValueObject {
  const value = decodeValue(json, { maxDepth: LIMITS.documentDepth, maxBytes: LIMITS.documentBytes });
  if (!isObject(value)) throw failed("A document must be an object.");
  return value;
}

/**
 * A checked document, made field by field: spread into a new object each would have a shape of its own, larger than itself.
 * @throws HostError `failed`
 */
function documentOf(
  table: TableSchema,
  fields: ValueObject,
  system: { _id: string; _creationTime: number },
): Document {
  const doc: Record<string, Value> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith("_")) throw failed(`The field ${name} is reserved: names must not begin with "_".`);
    if (value !== undefined) doc[name] = value;
  }
  const wrong = table.check(doc);
  if (wrong !== null) throw failed(`A document of table ${table.name} does not match the schema: ${wrong}.`);
  return Object.assign(doc, system);
}
