import { text } from "node:stream/consumers";
import { convexTest } from "convex-test";
import { z } from "zod";
import { batch, modules, references, schema, type BatchResult } from "./differential.testing";

/**
 * Runs batches on convex-test, in a process of its own, as that replaces much of what is global. Batches come as JSON on
 * the standard input, their results go as JSON to the standard output.
 */
const oracle = convexTest(schema, {
  "./_generated/api.ts": async () => ({}),
  "./steps.ts": async () => modules.steps,
});
const results: BatchResult[] = [];
let ids: string[] = [];
for (const { kind, steps } of z.array(batch).parse(JSON.parse(await text(process.stdin)))) {
  const args = { steps: JSON.stringify(steps), ids };
  try {
    const answer =
      kind === "change"
        ? await oracle.mutation(references.change, args)
        : await oracle.query(references.ask, args);
    const result: BatchResult = JSON.parse(answer) as BatchResult;
    ids = result?.ids ?? ids;
    results.push(result);
  } catch {
    results.push(null);
  }
}
process.stdout.write(JSON.stringify(results));
