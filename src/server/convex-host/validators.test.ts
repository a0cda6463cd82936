import { v, type GenericValidator, type Value } from "convex/values";
import { expect, test } from "vitest";
import { compileValidator } from "./validators";

const tables = {
  has: (name: string) => name === "things",
  isIdOf: (_: string, id: string) => id === "id-of-thing",
};

/** The library keeps to itself how a validator is exported. */
function compile(validator: GenericValidator) {
  const json: unknown = Reflect.get(validator, "json");
  return compileValidator(json, { of: "a test", tables });
}

const cases: [string, GenericValidator, Value[], (Value | undefined)[]][] = [
  ["null", v.null(), [null], [0, undefined]],
  ["number", v.number(), [1, NaN], [1n, "1"]],
  ["bigint", v.int64(), [1n], [1]],
  ["boolean", v.boolean(), [false], [0, null]],
  ["string", v.string(), [""], [1]],
  ["bytes", v.bytes(), [new ArrayBuffer(1)], ["", {}]],
  ["any", v.any(), [null, {}, []], []],
  ["literal", v.literal("a"), ["a"], ["b"]],
  ["bigint literal", v.literal(7n), [7n], [7]],
  ["id", v.id("things"), ["id-of-thing"], ["another", 1]],
  ["array", v.array(v.number()), [[], [1]], [[1, "2"], {}]],
  ["union", v.union(v.number(), v.null()), [1, null], ["1", undefined]],
  ["record", v.record(v.string(), v.number()), [{}, { a: 1 }], [{ a: "1" }, []]],
  [
    "object",
    v.object({ a: v.number(), b: v.optional(v.string()), toString: v.optional(v.any()) }),
    [{ a: 1 }, { a: 1, b: "x" }],
    [{}, { a: 1, b: 2 }, { a: 1, c: 1 }, null, []],
  ],
  ["object with any", v.object({ a: v.any() }), [{ a: null }], [{}]],
];

test.each(cases)("%s takes what fits and nothing else", (_, validator, good, bad) => {
  const check = compile(validator);
  for (const value of good) expect(check(value)).toBeNull();
  for (const value of bad) expect(check(value)).toEqual(expect.any(String));
});

test("it says where something is wrong, and does not repeat what", () => {
  const check = compile(v.object({ list: v.array(v.object({ n: v.number() })) }));
  expect(check({ list: [{ n: 1 }, { n: "secret" }] })).toBe(
    "at .list: at [1]: at .n: expected number, got string",
  );
});

test("what this host does not have is refused before anything runs", () => {
  expect(() => compileValidator({ type: "commitTs" }, { of: "a test", tables })).toThrow("a test");
  expect(() => compile(v.object({ other: v.id("nowhere") }))).toThrow("nowhere");
});
