/** Playing steps: from what the model does to the deltas of one response, in time. */
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { Step } from "./steps";

export type Delta =
  | { readonly kind: "text" | "reasoning"; readonly text: string }
  | { readonly kind: "toolStart"; readonly callId: string; readonly name: string }
  | { readonly kind: "toolInput"; readonly text: string };

/** The script asked for a failure: an HTTP status, or a stream that breaks off. */
export class DemoFailure extends Error {
  override readonly name = "DemoFailure";
  constructor(readonly code: number | "cut") {
    super(`The demo model's script asked it to fail with ${code}.`);
  }
}

/** Deltas that leave together when nothing asks for time between them: a flood is about speed, not about packets. */
const BATCH = 64;

/**
 * Deltas, in batches, as they are due. Ends when the steps are over; ends every timer when `signal` aborts.
 * @throws DemoFailure where the script says so; the signal's AbortError
 */
export async function* play(steps: readonly Step[], signal: AbortSignal): AsyncGenerator<Delta[], void> {
  let delayMs = 0;
  let hasText = false;
  for (const step of steps) {
    signal.throwIfAborted();
    switch (step.kind) {
      case "delay":
        delayMs = step.ms;
        break;
      case "sleep":
        await wait(step.ms, undefined, { signal });
        break;
      case "fail":
        throw new DemoFailure(step.with);
      case "hang":
        await aborted(signal);
        break;
      case "think":
        yield* paced(words(step.text, "reasoning"), delayMs, signal);
        break;
      case "say":
        // Two `say` in one response are one text to the reader; each begins a line.
        yield* paced(words(hasText ? `\n${step.text}` : step.text, "text"), delayMs, signal);
        hasText = true;
        break;
      case "flood":
        yield* paced(numbers(step.count), 0, signal);
        hasText = true;
        break;
      case "tool":
        yield* paced(call(step.name, JSON.stringify(step.input)), 0, signal);
        break;
    }
  }
}

async function* paced(
  deltas: Iterable<Delta>,
  delayMs: number,
  signal: AbortSignal,
): AsyncGenerator<Delta[], void> {
  let batch: Delta[] = [];
  for (const delta of deltas) {
    if (delayMs > 0) await wait(delayMs, undefined, { signal });
    batch.push(delta);
    if (delayMs > 0 || batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

function words(text: string, kind: "text" | "reasoning"): Delta[] {
  return (text.match(/\s*\S+\s*/g) ?? [text]).map((word) => ({ kind, text: word }));
}

function* numbers(count: number): Generator<Delta> {
  for (let index = 0; index < count; index += 1) yield { kind: "text", text: `${index} ` };
}

function* call(name: string, input: string): Generator<Delta> {
  yield { kind: "toolStart", callId: `call_${randomUUID()}`, name };
  // Streamed in pieces, as models do.
  for (let at = 0; at < input.length; at += 256) yield { kind: "toolInput", text: input.slice(at, at + 256) };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
