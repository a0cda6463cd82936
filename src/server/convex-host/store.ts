import { convexToJson, getDocumentSize, type Value } from "convex/values";
import type { Schema, TableSchema } from "./schema";
import { SortedRows } from "./sorted-rows";

export type Document = Record<string, Value> & { _id: string; _creationTime: number };

/** A document as it is kept; never changed, only replaced. There are many: it has no more than it needs. */
export class Entry {
  readonly doc: Document;
  readonly sizeBytes: number;
  #json: string | null = null;
  #wasRead = false;

  constructor(doc: Document) {
    this.doc = doc;
    this.sizeBytes = getDocumentSize(doc);
  }

  /** As the wire has it. Kept from the second time on: most are read once, by who looks for the last one, and never again. */
  json(): string {
    if (this.#json !== null) return this.#json;
    const json = JSON.stringify(convexToJson(this.doc));
    if (this.#wasRead) this.#json = json;
    this.#wasRead = true;
    return json;
  }
}

export interface Table {
  schema: TableSchema;
  entries: ReadonlyMap<string, Entry>;
  /** By name. */
  indexes: ReadonlyMap<string, SortedRows>;
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
        indexes: new Map(table.indexes.map((index) => [index.name, new SortedRows(index.paths)])),
      },
    ]),
  );

  function put(tableName: string, id: string, entry: Entry | null): Entry | null {
    const table = tables.get(tableName);
    if (table === undefined) throw new Error(`There is no table ${tableName}.`);
    const old = table.entries.get(id) ?? null;
    for (const rows of table.indexes.values()) {
      if (old !== null) rows.remove(old);
      if (entry !== null) rows.insert(entry);
    }
    if (entry === null) table.entries.delete(id);
    else table.entries.set(id, entry);
    return old;
  }

  return { table: (name) => tables.get(name), put };
}
