import { jsonToConvex, type JSONValue, type Value } from "convex/values";
import { z } from "zod";
import { HostError } from "./host-error";
import { isObject, jsonSchema } from "./values";

/** @returns what is wrong, or null */
export type Check = (value: Value | undefined) => string | null;

type FieldJson = { fieldType: ValidatorJson; optional: boolean };
type ValidatorJson =
  | { type: "null" | "number" | "bigint" | "boolean" | "string" | "bytes" | "any" }
  | { type: "literal"; value: JSONValue }
  | { type: "id"; tableName: string }
  | { type: "array"; value: ValidatorJson }
  | { type: "union"; value: ValidatorJson[] }
  | { type: "object"; value: Record<string, FieldJson> }
  | { type: "record"; keys: ValidatorJson; values: FieldJson };

const field = z.lazy(() => z.object({ fieldType: validatorSchema, optional: z.boolean() }));
const validatorSchema: z.ZodType<ValidatorJson> = z.lazy(() =>
  z.discriminatedUnion("type", [
    z.object({ type: z.enum(["null", "number", "bigint", "boolean", "string", "bytes", "any"]) }),
    z.object({ type: z.literal("literal"), value: jsonSchema }),
    z.object({ type: z.literal("id"), tableName: z.string() }),
    z.object({ type: z.literal("array"), value: validatorSchema }),
    z.object({ type: z.literal("union"), value: z.array(validatorSchema) }),
    z.object({ type: z.literal("object"), value: z.record(z.string(), field) }),
    z.object({ type: z.literal("record"), keys: validatorSchema, values: field }),
  ]),
);

export interface Tables {
  has(tableName: string): boolean;
  isIdOf(tableName: string, id: string): boolean;
}

/**
 * A validator as the library exports it, ready for use.
 * @param opts.of whose it is, for messages
 * @throws HostError `unsupported`
 */
export function compileValidator(json: unknown, opts: { of: string; tables: Tables }): Check {
  const parsed = validatorSchema.safeParse(json);
  if (!parsed.success)
    throw new HostError(
      "unsupported",
      `The validator of ${opts.of} needs what this host does not have: ${z.prettifyError(parsed.error)}`,
    );
  return compile(parsed.data, opts.tables);
}

function compile(validator: ValidatorJson, tables: Tables): Check {
  switch (validator.type) {
    case "any":
      return () => null;
    case "null":
      return expect("null", (value) => value === null);
    case "bytes":
      return expect("bytes", (value) => value instanceof ArrayBuffer);
    case "number":
    case "bigint":
    case "boolean":
    case "string":
      return expect(validator.type, (value) => typeof value === validator.type);
    case "literal": {
      const literal = jsonToConvex(validator.value);
      return expect(`literal ${JSON.stringify(validator.value)}`, (value) => value === literal);
    }
    case "id":
      if (!tables.has(validator.tableName))
        throw new HostError(
          "unsupported",
          `A validator names the table ${validator.tableName}, which is not there.`,
        );
      return expect(
        `an id of table "${validator.tableName}"`,
        (value) => typeof value === "string" && tables.isIdOf(validator.tableName, value),
      );
    case "array":
      return arrayOf(compile(validator.value, tables));
    case "union":
      return unionOf(validator.value.map((member) => compile(member, tables)));
    case "object":
      return objectOf(validator.value, tables);
    case "record":
      return recordOf(compile(validator.keys, tables), compile(validator.values.fieldType, tables));
  }
}

function expect(what: string, isRight: (value: Value | undefined) => boolean): Check {
  return (value) => (isRight(value) ? null : `expected ${what}, got ${kindOf(value)}`);
}

function arrayOf(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return `expected array, got ${kindOf(value)}`;
    for (const [i, item] of value.entries()) {
      const wrong = check(item);
      if (wrong !== null) return `at [${i}]: ${wrong}`;
    }
    return null;
  };
}

function unionOf(members: readonly Check[]): Check {
  return (value) => {
    if (members.some((check) => check(value) === null)) return null;
    return `${kindOf(value)} fits no member of the union`;
  };
}

function objectOf(fields: Record<string, FieldJson>, tables: Tables): Check {
  const checks = new Map(
    Object.entries(fields).map(([name, { fieldType, optional }]) => [
      name,
      { check: compile(fieldType, tables), optional },
    ]),
  );
  return (value) => {
    if (!isObject(value)) return `expected object, got ${kindOf(value)}`;
    for (const [name, { check, optional }] of checks) {
      const field = Object.hasOwn(value, name) ? value[name] : undefined;
      if (field === undefined && optional) continue;
      const wrong = field === undefined ? "the field is missing" : check(field);
      if (wrong !== null) return `at .${name}: ${wrong}`;
    }
    const extra = Object.keys(value).find((name) => !checks.has(name));
    return extra === undefined ? null : `the field ${extra} is not in the validator`;
  };
}

function recordOf(checkKey: Check, checkValue: Check): Check {
  return (value) => {
    if (!isObject(value)) return `expected object, got ${kindOf(value)}`;
    for (const [name, item] of Object.entries(value)) {
      const wrong = checkKey(name) ?? checkValue(item);
      if (wrong !== null) return `at .${name}: ${wrong}`;
    }
    return null;
  };
}

/** Not the value itself, which may be private and long. */
function kindOf(value: Value | undefined): string {
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "array";
  return value instanceof ArrayBuffer ? "bytes" : typeof value;
}
