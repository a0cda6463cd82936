import { jsonToConvex, type JSONValue, type Value } from "convex/values";
import { z } from "zod";
import { failed } from "./host-error";
import { compare, jsonSchema, valueAt, type ValueObject } from "./values";

export type Expression = (doc: ValueObject) => Value | undefined;

const UNDEFINED = z.strictObject({ $undefined: z.null() });

/** A value of a range or a filter, where a missing field has a form of its own. */
export function decodeOperand(json: JSONValue): Value | undefined {
  return UNDEFINED.safeParse(json).success ? undefined : jsonToConvex(json);
}

const many = z.array(jsonSchema);
const pair = z.tuple([jsonSchema, jsonSchema]);

/** An expression of the library's filter builder, ready for use. @throws HostError `failed` */
export function compileExpression(json: JSONValue): Expression {
  const [entry, ...others] = Object.entries(z.record(z.string(), jsonSchema).parse(json));
  if (entry === undefined || others.length > 0) throw failed("A filter's expression has one operator.");
  const [operator, operand] = entry;
  if (operator === "$literal") {
    const literal = decodeOperand(operand);
    return () => literal;
  }
  if (operator === "$field") {
    const path = z.string().parse(operand).split(".");
    return (doc) => valueAt(doc, path);
  }
  return logic(operator, operand) ?? comparison(operator, operand) ?? arithmetic(operator, operand);
}

function logic(operator: string, operand: JSONValue): Expression | undefined {
  if (operator === "$not") {
    const inner = compileExpression(operand);
    return (doc) => !isTrue(inner(doc));
  }
  if (operator !== "$and" && operator !== "$or") return undefined;
  const inner = many.parse(operand).map(compileExpression);
  if (operator === "$and") return (doc) => inner.every((expression) => isTrue(expression(doc)));
  return (doc) => inner.some((expression) => isTrue(expression(doc)));
}

const COMPARISONS: Record<string, (order: number) => boolean> = {
  $eq: (order) => order === 0,
  $neq: (order) => order !== 0,
  $lt: (order) => order < 0,
  $lte: (order) => order <= 0,
  $gt: (order) => order > 0,
  $gte: (order) => order >= 0,
};

function comparison(operator: string, operand: JSONValue): Expression | undefined {
  const holds = COMPARISONS[operator];
  if (holds === undefined) return undefined;
  const [left, right] = pair.parse(operand);
  const [a, b] = [compileExpression(left), compileExpression(right)];
  return (doc) => holds(compare(a(doc), b(doc)));
}

const NUMBERS: Record<string, (a: number, b: number) => number> = {
  $add: (a, b) => a + b,
  $sub: (a, b) => a - b,
  $mul: (a, b) => a * b,
  $div: (a, b) => a / b,
  $mod: (a, b) => a % b,
};
const BIGINTS: Record<string, (a: bigint, b: bigint) => bigint> = {
  $add: (a, b) => a + b,
  $sub: (a, b) => a - b,
  $mul: (a, b) => a * b,
  $div: (a, b) => a / b,
  $mod: (a, b) => a % b,
};

function arithmetic(operator: string, operand: JSONValue): Expression {
  if (operator === "$neg") {
    const inner = compileExpression(operand);
    return (doc) => calculate("$sub", zeroLike(inner(doc)), inner(doc));
  }
  if (!(operator in NUMBERS)) throw failed(`A filter cannot use ${operator}.`);
  const [left, right] = pair.parse(operand);
  const [a, b] = [compileExpression(left), compileExpression(right)];
  return (doc) => calculate(operator, a(doc), b(doc));
}

function calculate(operator: string, a: Value | undefined, b: Value | undefined): Value {
  const [ofNumbers, ofBigints] = [NUMBERS[operator], BIGINTS[operator]];
  if (typeof a === "number" && typeof b === "number" && ofNumbers) return ofNumbers(a, b);
  if (typeof a === "bigint" && typeof b === "bigint" && ofBigints) return ofBigints(a, b);
  throw failed("A filter calculates with two numbers, or with two bigints.");
}

function zeroLike(value: Value | undefined): Value {
  return typeof value === "bigint" ? 0n : -0;
}

export function isTrue(value: Value | undefined): boolean {
  if (typeof value !== "boolean") throw failed("A filter's condition must be a boolean.");
  return value;
}
