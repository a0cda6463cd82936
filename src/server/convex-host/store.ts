import { convexToJson, getDocumentSize, type Value } from "convex/values";
import type { Key } from "./key-range";
import type { Schema, TableSchema } from "./schema";
import { SortedRows, type Row } from "./sorted-rows";
import { valueAt } from "./values";

export type Document = Record<string, Value> & { _id: string; _creationTime: number };

/** A document as it is kept; never changed, only replaced. */
export interface Entry {
  doc: Document;
  sizeBytes: number;
  /** By index, in the order of the table's schema. */
  keys: readonly Key[];
  /** As the wire has it. */
  json(): string;
}

export interface IndexRow extends Row {
  readonly entry: Entry;
}

export interface Table {
  schema: TableSchema;
  entries: ReadonlyMap<string, Entry>;
  /** By name. */
  indexes: ReadonlyMap<string, SortedRows<IndexRow>>;
}

export interface Store {
  table(name: string): Table | undefined;
  /** Puts a document in the place of what was under its id. `null` takes it away. @returns what was there */
  put(tableName: string, id: string, entry: Entry | null): Entry | null;
}

/** Documents and their indexes, in memory. Knows one state only: who writes takes back what is not to stay. */
export function createStore(schema: Schema): Store {
  const tables = new Map(
    [...schema.tables].map(([name, table]) => [
      name,
      {
        schema: table,
        entries: new Map<string, Entry>(),
        indexes: new Map(table.indexes.map((index) => [index.name, new SortedRows<IndexRow>()])),
      },
    ]),
  );

  function put(tableName: string, id: string, entry: Entry | null): Entry | null {
    const table = tables.get(tableName);
    if (table === undefined) throw new Error(`There is no table ${tableName}.`);
    const old = table.entries.get(id) ?? null;
    for (const [i, rows] of [...table.indexes.values()].entries()) {
      const [oldKey, key] = [old?.keys[i], entry?.keys[i]];
      if (oldKey !== undefined) rows.remove(oldKey);
      if (entry !== null && key !== undefined) rows.insert({ key, entry });
    }
    if (entry === null) table.entries.delete(id);
    else table.entries.set(id, entry);
    return old;
  }

  return { table: (name) => tables.get(name), put };
}

export function createEntry(table: TableSchema, doc: Document): Entry {
  let json: string | undefined;
  return {
    doc,
    sizeBytes: getDocumentSize(doc),
    keys: table.indexes.map(({ paths }) => paths.map((path) => valueAt(doc, path))),
    json: () => (json ??= JSON.stringify(convexToJson(doc))),
  };
}
