import { compareValues, convexToJson, type JSONValue, type Value } from "convex/values";
import { expect, test } from "vitest";
import { compare, decodeValue } from "./values";

const LIMITS = { maxDepth: 4, maxBytes: 1_000_000 };
const decode = (json: JSONValue) => decodeValue(json, LIMITS);

test("every kind of value comes through", () => {
  const values: Value[] = [
    null,
    1n,
    -0,
    NaN,
    1.5,
    true,
    "text \u{1F600}",
    new ArrayBuffer(2),
    [1, [2]],
    { a: {} },
  ];
  for (const value of values) expect(decode(convexToJson(value))).toEqual(value);
});

test.each<[string, JSONValue]>([
  ["a name that begins with a dollar sign", { $schema: 1 }],
  ["an empty name", { "": 1 }],
  ["a name beyond ASCII", { é: 1 }],
  ["a name with a control character", { "a\n": 1 }],
  ["a name that is too long", { ["a".repeat(1025)]: 1 }],
  ["a name that changes what the object is", JSON.parse('{"__proto__":{"a":1}}') as JSONValue],
  ["half of a surrogate pair", "a\ud800"],
  ["half of a surrogate pair deep inside", [{ a: "\udc00b" }]],
  ["an array that is too long", Array.from({ length: 8193 }, () => 0)],
  [
    "an object with too many fields",
    Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`f${i}`, i])),
  ],
  ["too deep a value", [[[[[]]]]]],
  ["too large a value", "x".repeat(1_000_001)],
  ["a commit's own time", { a: { $commitTs: null } }],
  ["a malformed bigint", { $integer: "AA==" }],
  ["a missing value", { $undefined: null }],
])("%s is refused", (_, json) => {
  expect(() => decode(json)).toThrow(expect.objectContaining({ name: "HostError", code: "failed" }) as Error);
});

test("what is just within the limits is taken", () => {
  expect(decode([[[[]]]])).toEqual([[[[]]]]);
  expect(decode(Array.from({ length: 8192 }, () => 0))).toHaveLength(8192);
  expect(decode("😀")).toBe("😀");
});

test("values have Convex's order", () => {
  const ordered: (Value | undefined)[] = [
    undefined,
    null,
    -1n,
    1n,
    -Infinity,
    -0,
    0,
    1,
    false,
    true,
    "",
    "a",
    "\uffff",
    "\u{1F600}",
    new ArrayBuffer(1),
    [],
    {},
  ];
  for (const [i, a] of ordered.entries())
    for (const [j, b] of ordered.entries()) {
      expect(Math.sign(compare(a, b))).toBe(Math.sign(i - j));
      expect(Math.sign(compare(a, b))).toBe(Math.sign(compareValues(a, b)));
    }
});
