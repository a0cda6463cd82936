import { z } from "zod";
import { HostError } from "./host-error";
import { tableNumberOf } from "./ids";
import { LIMITS } from "./limits";
import { compileValidator, type Check, type Tables } from "./validators";

export interface IndexSchema {
  name: string;
  /** Paths into a document, creation time and id at the end. */
  paths: readonly (readonly string[])[];
  fields: readonly string[];
}

export interface TableSchema {
  name: string;
  number: number;
  indexes: readonly IndexSchema[];
  /** Of a document without its system fields. */
  check: Check;
}

export interface Schema extends Tables {
  tables: ReadonlyMap<string, TableSchema>;
  tableOf(id: string): TableSchema | undefined;
}

const none = (what: string) => z.array(z.unknown()).max(0, `this host has no ${what}`).default([]);
const exported = z.object({
  schemaValidation: z.boolean(),
  tables: z.array(
    z.object({
      tableName: z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]*$/),
      indexes: z
        .array(
          z.object({
            indexDescriptor: z.string().regex(/^(?!by_id$|by_creation_time$)[a-zA-Z][a-zA-Z0-9_]*$/),
            fields: z
              .array(z.string().regex(/^(?!_id$|_creationTime$)./))
              .min(1)
              .max(LIMITS.indexFields),
          }),
        )
        .max(LIMITS.indexesPerTable),
      stagedDbIndexes: none("staged indexes"),
      searchIndexes: none("search indexes"),
      stagedSearchIndexes: none("search indexes"),
      vectorIndexes: none("vector indexes"),
      stagedVectorIndexes: none("vector indexes"),
      documentType: z.unknown(),
      stagedDocumentType: z.undefined({ error: "this host has no staged validators" }).optional(),
    }),
  ),
});

/** The library's types do not tell of it: it is how `convex deploy` reads a schema. */
const exporter = z.object({
  export: z.custom<() => string>((value) => typeof value === "function"),
});

/**
 * @param definition what `defineSchema` of convex/server gave
 * @throws HostError `unsupported`
 */
export function readSchema(definition: unknown): Schema {
  const readable = exporter.safeParse({ export: exportOf(definition) });
  if (!readable.success) throw new HostError("unsupported", "The schema must be what defineSchema gives.");
  const parsed = exported.safeParse(JSON.parse(readable.data.export()));
  if (!parsed.success)
    throw new HostError("unsupported", `The schema cannot be served: ${z.prettifyError(parsed.error)}`);
  const names = parsed.data.tables.map(({ tableName }) => tableName).sort();
  const tableOf = (id: string) => {
    const name = names[(tableNumberOf(id) ?? 0) - 1];
    return name === undefined ? undefined : tables.get(name);
  };
  const isIdOf = (tableName: string, id: string) => tableOf(id)?.name === tableName;
  const known = { has: (tableName: string) => names.includes(tableName), isIdOf };
  const tables = new Map(
    parsed.data.tables.map(({ tableName: name, indexes, documentType }): [string, TableSchema] => {
      const check = compileValidator(documentType, { of: `table "${name}"`, tables: known });
      return [
        name,
        {
          name,
          number: names.indexOf(name) + 1,
          indexes: [
            indexOf("by_id", ["_id"]),
            indexOf("by_creation_time", ["_creationTime", "_id"]),
            ...indexes.map(({ indexDescriptor, fields }) =>
              indexOf(indexDescriptor, [...fields, "_creationTime", "_id"]),
            ),
          ],
          check: parsed.data.schemaValidation ? check : () => null,
        },
      ];
    }),
  );
  return { tables, tableOf, isIdOf, has: known.has };
}

function exportOf(definition: unknown): unknown {
  if (typeof definition !== "object" || definition === null) return undefined;
  const method: unknown = Reflect.get(definition, "export");
  return typeof method === "function" ? method.bind(definition) : undefined;
}

function indexOf(name: string, fields: readonly string[]): IndexSchema {
  return { name, fields, paths: fields.map((path) => path.split(".")) };
}
