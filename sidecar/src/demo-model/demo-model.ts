/**
 * The demo model: an OpenAI-compatible endpoint that follows a script. No AI, no key, no network, and it says so.
 * Everything it does follows from the messages of the request at hand, so it keeps no state and survives every restart.
 */
import { randomUUID } from "node:crypto";
import { Hono, type Context } from "hono";
import { chatRequest, readTurn, type ChatRequest } from "./chat-request";
import { closingChunks, deltaChunk, errorChunk, openingChunk, Tally, wholeCompletion } from "./completion";
import type { CompletionHead } from "./completion";
import { stepsOfTurn } from "./performance";
import { DemoFailure, play, type Delta } from "./play";
import { stepsOfResponse } from "./steps";

const DEMO_MODEL = "demo-1";
/** nginx's status for a client that is gone; nobody reads it. */
const CLIENT_GONE = 499;

const ERROR_TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  429: "rate_limit_error",
};

/** Routes: `POST /v1/chat/completions`, `GET /v1/models`. Timers end when the request's signal aborts or its body is cancelled. */
export function createDemoModel(): Hono {
  const app = new Hono();
  app.get("/v1/models", (c) =>
    c.json({
      object: "list",
      data: [{ id: DEMO_MODEL, object: "model", created: 0, owned_by: "openagent" }],
    }),
  );
  app.post("/v1/chat/completions", async (c) => {
    const body: unknown = await c.req.json().catch(() => undefined); // no JSON: refused below like any other shape
    const request = chatRequest.safeParse(body);
    if (!request.success)
      return failure(400, "This is no chat completion request; send `model` and `messages`.");
    if (request.data.model !== DEMO_MODEL) {
      return failure(
        404,
        `There is no model ${request.data.model.slice(0, 100)} here; ask for ${DEMO_MODEL}.`,
      );
    }
    return complete(c, request.data);
  });
  app.notFound(() => failure(404, "The demo model answers POST /v1/chat/completions and GET /v1/models."));
  return app;
}

async function complete(c: Context, request: ChatRequest): Promise<Response> {
  const turn = readTurn(request);
  const steps = stepsOfResponse(stepsOfTurn(turn), turn.toolResults.length);
  const cancelled = new AbortController();
  const deltas = play(steps, AbortSignal.any([c.req.raw.signal, cancelled.signal]));
  const head: CompletionHead = {
    id: `chatcmpl-${randomUUID()}`,
    model: request.model,
    created: Math.floor(Date.now() / 1000),
    promptTokens: Math.ceil(JSON.stringify(request.messages).length / 4),
  };
  try {
    if (request.stream !== true) return c.json(wholeCompletion(head, await all(deltas)));
    // The status is decided by what comes first: a failure before any delta is an HTTP status.
    const first = await deltas.next();
    const includeUsage = request.stream_options?.include_usage === true;
    const body = eventStream({ head, first, deltas, includeUsage, cancel: () => cancelled.abort() });
    return new Response(body, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" },
    });
  } catch (error) {
    if (error instanceof DemoFailure) return error.code === "cut" ? cutResponse(error) : failure(error.code);
    if (c.req.raw.signal.aborted) return new Response(null, { status: CLIENT_GONE });
    throw error;
  }
}

interface EventStream {
  readonly head: CompletionHead;
  readonly first: IteratorResult<Delta[], void>;
  readonly deltas: AsyncGenerator<Delta[], void>;
  readonly includeUsage: boolean;
  readonly cancel: () => void;
}

/** Reads the deltas as they are asked for, so a slow reader slows the model and not the memory. */
function eventStream({ head, first, deltas, includeUsage, cancel }: EventStream): ReadableStream<Uint8Array> {
  const tally = new Tally();
  const encoder = new TextEncoder();
  let next: IteratorResult<Delta[], void> | undefined = first;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(openingChunk(head)));
    },
    async pull(controller) {
      try {
        const { done, value } = next ?? (await deltas.next());
        next = undefined;
        if (done) {
          controller.enqueue(encoder.encode(closingChunks(head, tally, includeUsage)));
          return controller.close();
        }
        for (const delta of value) tally.add(delta);
        controller.enqueue(encoder.encode(value.map((delta) => deltaChunk(head, delta)).join("")));
      } catch (error) {
        if (!(error instanceof DemoFailure) || error.code === "cut") return controller.error(error);
        controller.enqueue(encoder.encode(errorChunk(errorBody(error.code))));
        controller.close();
      }
    },
    cancel,
  });
}

async function all(deltas: AsyncGenerator<Delta[], void>): Promise<Delta[]> {
  const collected: Delta[] = [];
  for await (const batch of deltas) collected.push(...batch);
  return collected;
}

/** Headers, and then a connection that breaks. */
function cutResponse(error: DemoFailure): Response {
  const body = new ReadableStream<Uint8Array>(
    { pull: (controller) => controller.error(error) },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
}

function failure(status: number, message?: string): Response {
  return Response.json({ error: errorBody(status, message) }, { status });
}

function errorBody(
  status: number,
  message = `The demo model's script asked it to fail with ${status}.`,
): object {
  const type = ERROR_TYPES[status] ?? (status >= 500 ? "server_error" : "invalid_request_error");
  return { message, type, param: null, code: status };
}
