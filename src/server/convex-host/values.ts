import { compareValues, getConvexSize, jsonToConvex, type JSONValue, type Value } from "convex/values";
import { z } from "zod";
import { failed } from "./host-error";
import { LIMITS } from "./limits";

export type ValueObject = Record<string, Value | undefined>;

/** Whatever JSON.parse gives is JSON; this only says so to the type checker. */
export const jsonSchema = z.custom<JSONValue>((value) => value !== undefined);

export function parseJson(text: string): JSONValue {
  return jsonSchema.parse(JSON.parse(text));
}

/** A half of a surrogate pair alone: such text cannot be written as UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * JSON as Convex's clients send it, as a value.
 * @throws HostError `failed` when the real backend would refuse it
 */
export function decodeValue(json: JSONValue, opts: { maxDepth: number; maxBytes: number }): Value {
  let value: Value;
  try {
    value = jsonToConvex(json);
  } catch (error) {
    throw failed(error instanceof Error ? error.message : "This is not a Convex value.");
  }
  checkValue(value, opts.maxDepth);
  const sizeBytes = getConvexSize(value);
  if (sizeBytes > opts.maxBytes)
    throw failed(`Value is too large (${sizeBytes} bytes > maximum ${opts.maxBytes} bytes).`);
  return value;
}

export function isObject(value: Value | undefined): value is ValueObject {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof ArrayBuffer) &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)
  );
}

function checkValue(value: Value, depthLeft: number): void {
  if (typeof value === "string" && LONE_SURROGATE.test(value))
    throw failed("Strings must be valid Unicode: this one has half of a surrogate pair.");
  if (typeof value !== "object" || value === null || value instanceof ArrayBuffer) return;
  if (depthLeft === 0) throw failed("Value is nested too deeply.");
  if (Array.isArray(value)) {
    if (value.length > LIMITS.arrayLength)
      throw failed(`Array is too long (${value.length} > maximum length ${LIMITS.arrayLength}).`);
    for (const item of value) checkValue(item, depthLeft - 1);
    return;
  }
  // Also what a field named `__proto__` leaves behind.
  if (!isObject(value)) throw failed("Value is of a type that this host does not support.");
  checkFields(value, depthLeft);
}

function checkFields(value: ValueObject, depthLeft: number): void {
  const fields = Object.entries(value);
  if (fields.length > LIMITS.objectFields)
    throw failed(`Object has too many fields (${fields.length} > maximum number ${LIMITS.objectFields}).`);
  for (const [name, field] of fields) {
    if (name === "") throw failed("Field names must not be empty.");
    if (field !== undefined) checkValue(field, depthLeft - 1);
  }
}

/** Convex's order: undefined < null < bigint < number < boolean < string < bytes < array < object. */
export function compare(a: Value | undefined, b: Value | undefined): number {
  if (Object.is(a, b)) return 0;
  // Most keys are plain numbers. Two zeros of different sign and NaN are left to Convex.
  if (typeof a === "number" && typeof b === "number" && a !== b && !Number.isNaN(a) && !Number.isNaN(b))
    return a < b ? -1 : 1;
  return compareValues(a, b);
}

/** The value at a path such as `author.name`; undefined where there is none. */
export function valueAt(doc: ValueObject, path: readonly string[]): Value | undefined {
  let value = fieldOf(doc, path[0] ?? "");
  for (let i = 1; i < path.length; i++) value = isObject(value) ? fieldOf(value, path[i] ?? "") : undefined;
  return value;
}

function fieldOf(value: ValueObject, name: string): Value | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}
