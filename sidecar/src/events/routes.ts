import { Hono } from "hono";
import { z } from "zod";
import { spoolPosition, type SpoolPosition } from "../contract";
import type { Instance } from "../instance";
import { valid } from "../validation";
import type { Spool } from "./spool";

/** Readers wait for three of them: a network that takes nothing is noticed within ten seconds. */
const HEARTBEAT_MS = 3000;
const HEARTBEAT_LINE = `${JSON.stringify({ kind: "heartbeat" })}\n`;

const afterQuery = z.object({
  epoch: z.string().regex(/^\d{1,15}$/),
  n: z.string().regex(/^\d{1,15}$/),
});

export function eventRoutes(instance: Instance) {
  return new Hono()
    .get("/", valid("query", afterQuery), (c) => {
      const { epoch, n } = c.req.valid("query");
      const after = { epoch: Number(epoch), n: Number(n) };
      instance.spool.assertReached(after);
      const body = streamOf(instance.spool, after, c.req.raw.signal);
      return c.body(body, 200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
    })
    .post("/ack", valid("json", spoolPosition), async (c) => {
      const position = c.req.valid("json");
      instance.spool.assertReached(position);
      await instance.spool.ack(position);
      return c.json({ acknowledged: position });
    });
}

/** Pulled, so a slow reader holds up nobody but itself. Ends when the reader goes or the spool closes. */
function streamOf(spool: Spool, after: SpoolPosition, signal: AbortSignal): ReadableStream<Uint8Array> {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const batches = spool.readAfter(after, either, HEARTBEAT_MS);
  const encoder = new TextEncoder();
  let greeted = false;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (!greeted) {
        // The reader learns at once that it is connected.
        greeted = true;
        controller.enqueue(encoder.encode(HEARTBEAT_LINE));
        return;
      }
      const next = await batches.next();
      if (next.done) return controller.close();
      const batch = next.value;
      // The lines are JSON already; building them again would cost more than all the rest.
      const line =
        batch === null ? HEARTBEAT_LINE : `{"kind":"events","events":[${batch.lines.join(",")}]}\n`;
      controller.enqueue(encoder.encode(line));
    },
    async cancel() {
      ended.abort();
      // Ends a generator that waits in a `yield` too, and so closes the file that it was reading.
      await batches.return(undefined);
    },
  });
}
