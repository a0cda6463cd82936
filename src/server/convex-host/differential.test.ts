import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { convexToJson, type JSONValue, type Value } from "convex/values";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  batchResult,
  modules,
  references,
  schema,
  type Batch,
  type BatchResult,
  type Step,
} from "./differential.testing";
import { startTestHost } from "./fixture.testing";

const BATCHES = 150;
const STEPS_PER_BATCH = 4;

/** Small and repeatable (mulberry32): a failure names its seed. */
function createRandom(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n: number) => Math.floor(next() * n);
  return {
    below,
    pick: <T>(items: readonly [T, ...T[]]): T => items[below(items.length)] ?? items[0],
    chance: (share: number) => next() < share,
  };
}
type Random = ReturnType<typeof createRandom>;

/** Few, so that they meet; of every kind, so that their order is put to the test. */
const VALUES: [Value, ...Value[]] = [
  null,
  0n,
  -5n,
  2n ** 62n,
  0,
  -0,
  1,
  -1.5,
  NaN,
  Infinity,
  true,
  false,
  "",
  "a",
  "ab",
  "é",
  "\uffff",
  "\u{1F600}",
  new Uint8Array([1, 2]).buffer,
  new Uint8Array([1]).buffer,
  [],
  [1, "a"],
  [1],
  {},
  { x: 1 },
  { x: 1, y: null },
];
const B_VALUES: [Value, ...Value[]] = [1, 2, "x", "y", null];

/** @returns undefined for none */
function anyOf(random: Random, values: [Value, ...Value[]]): JSONValue | undefined {
  return random.chance(0.15) ? undefined : convexToJson(random.pick(values));
}

function docFields(random: Random): Record<string, JSONValue> {
  const x = anyOf(random, VALUES);
  const fields = {
    a: anyOf(random, VALUES),
    b: random.chance(0.03) ? convexToJson(true) : anyOf(random, B_VALUES),
    inner: random.chance(0.3) ? undefined : { ...(x === undefined ? {} : { x }) },
  };
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, JSONValue] => entry[1] !== undefined),
  );
}

const INDEXES: [[string, string[]], ...[string, string[]][]] = [
  ["by_a", ["a"]],
  ["by_b_a", ["b", "a"]],
  ["by_inner", ["inner.x", "ref"]],
  ["by_creation_time", []],
];

function boundsOf(random: Random, fields: readonly string[]): Extract<Step, { do: "query" }>["bounds"] {
  const valueFor = (field: string): JSONValue | undefined => {
    if (field === "ref") return random.below(80);
    return anyOf(random, field === "b" ? B_VALUES : VALUES);
  };
  const equal = random.below(fields.length + 1);
  const bounds: Extract<Step, { do: "query" }>["bounds"] = fields
    .slice(0, equal)
    .map((field) => ({ type: "eq", field, value: valueFor(field) }));
  const field = fields[equal];
  if (field === undefined) return bounds;
  if (random.chance(0.5)) bounds.push({ type: random.pick(["gt", "gte"]), field, value: valueFor(field) });
  if (random.chance(0.5)) bounds.push({ type: random.pick(["lt", "lte"]), field, value: valueFor(field) });
  // Now and then in an order that must be refused.
  return random.chance(0.05) ? bounds.reverse() : bounds;
}

function queryStep(random: Random): Step {
  const [index, fields] = random.pick(INDEXES);
  const isScan = random.chance(0.15);
  const filtered = random.pick<[string, [Value, ...Value[]]]>([
    ["a", VALUES],
    ["b", B_VALUES],
    ["inner.x", VALUES],
  ]);
  return {
    do: "query",
    index: isScan ? null : index,
    bounds: isScan ? [] : boundsOf(random, fields),
    order: random.pick(["asc", "desc"]),
    filter: random.chance(0.7)
      ? null
      : { type: random.pick(["eq", "neq"]), field: filtered[0], value: anyOf(random, filtered[1]) },
    mode: random.pick(["collect", "collect", "take", "first", "unique"]),
    limit: random.below(6),
  };
}

function writeStep(random: Random, ref: number): Step {
  const doc = { ref, ...docFields(random) };
  const kind = random.pick(["insert", "insert", "insert", "replace", "patch", "delete"]);
  if (kind === "insert") return { do: "insert", doc };
  // Deleted ones are among them: to change those must fail on both sides.
  const at = random.below(60);
  if (kind === "replace") return { do: "replace", at, doc };
  if (kind === "delete") return { do: "delete", at };
  return {
    do: "patch",
    at,
    doc: docFields(random),
    unset: random.chance(0.4) ? [random.pick(["a", "b"])] : [],
  };
}

function createBatches(seed: number): Batch[] {
  const random = createRandom(seed);
  let ref = 0;
  const beginning: Step[] = Array.from({ length: 20 }, () => ({
    do: "insert",
    doc: { ref: ref++, a: convexToJson(random.pick(VALUES)) },
  }));
  const batches: Batch[] = [{ kind: "change", steps: beginning }];
  while (batches.length < BATCHES) {
    const kind = random.pick<Batch["kind"]>(["change", "ask"]);
    const steps = Array.from({ length: STEPS_PER_BATCH }, (): Step => {
      if (random.chance(0.1)) return { do: "get", at: random.below(60) };
      return kind === "change" && random.chance(0.6) ? writeStep(random, ref++) : queryStep(random);
    });
    batches.push({ kind, steps });
  }
  return batches;
}

async function onOracle(batches: readonly Batch[]): Promise<BatchResult[]> {
  const script = fileURLToPath(new URL("./differential-oracle.testing.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(batches));
  return z.array(batchResult).parse(JSON.parse(await text(child.stdout)));
}

async function onHost(batches: readonly Batch[]): Promise<BatchResult[]> {
  const { http, close } = await startTestHost({ schema, modules });
  const results: BatchResult[] = [];
  let ids: string[] = [];
  for (const { kind, steps } of batches) {
    const args = { steps: JSON.stringify(steps), ids };
    const answer =
      kind === "change" ? http.mutation(references.change, args) : http.query(references.ask, args);
    const result = await answer.then(
      (json) => batchResult.parse(JSON.parse(json)),
      () => null,
    );
    ids = result?.ids ?? ids;
    results.push(result);
  }
  await close();
  return results;
}

test.each([1, 2])("random steps give what convex-test gives (seed %i)", async (seed) => {
  const batches = createBatches(seed);
  const [ours, theirs] = [await onHost(batches), await onOracle(batches)];
  for (const [i, batch] of batches.entries()) {
    expect({ batch, found: ours[i]?.found ?? null }).toEqual({ batch, found: theirs[i]?.found ?? null });
  }
  // Neither all nor none fail, and they find something.
  const failures = ours.filter((result) => result === null).length;
  expect(failures).toBeGreaterThan(5);
  expect(failures).toBeLessThan(BATCHES / 2);
  expect(ours.flatMap((result) => result?.found.flat() ?? []).length).toBeGreaterThan(BATCHES);
});
