import { hc } from "hono/client";
import type { WebSocket } from "ws";
import { WebSocket as WebSocketClient } from "ws";
import { Agent, fetch as undiciFetch, type RequestInit as UndiciRequestInit } from "undici";
import type { z } from "zod";
import type { SidecarApp } from "../../../sidecar/src/app";
import type { SpooledEvent, SpoolPosition } from "../../../sidecar/src/contract";
import {
  abortResponse,
  type AgentSettings,
  eventStreamLine,
  healthResponse,
  type HealthResponse,
  offerResponse,
  type OfferResponse,
  type PromptRequest,
  REQUEST_ID_HEADER,
  promptResponse,
  type RequestReply,
  requestReplyResponse,
  type SealedMessage,
  sidecarError,
  terminalInfo,
  type TerminalInfo,
  terminalList,
} from "../../../sidecar/src/protocol";
import { currentRequestId } from "../request-scope";
import { LineTooLongError, splitLines } from "./split-lines";
import { SidecarError } from "./sidecar-error";

/** Calls of one instance's sidecar. Every method throws {@link SidecarError} and nothing else. */
export interface SidecarClient {
  health(): Promise<HealthResponse>;
  offer(nonce: string): Promise<OfferResponse>;
  complete(sealed: SealedMessage): Promise<void>;
  credentials(sealed: SealedMessage): Promise<void>;
  prompt(request: PromptRequest): Promise<{ turnId: string }>;
  /** @param promptId only that prompt's turn; else whatever turn runs */
  abort(promptId?: string): Promise<{ aborted: boolean; known: boolean }>;
  reply(requestId: string, reply: RequestReply): Promise<{ delivered: boolean; gone: boolean }>;
  settings(settings: AgentSettings): Promise<void>;
  /** Batches after `held`, until the signal or a fault; heartbeats come out as empty batches. Fails 9 s after the last sign of life. */
  events(held: SpoolPosition, signal: AbortSignal): AsyncIterable<SpooledEvent[]>;
  /** Everything up to here is committed; the sidecar may forget it. */
  acknowledge(held: SpoolPosition): Promise<void>;
  createTerminal(opts: { terminalId: string; cols: number; rows: number }): Promise<TerminalInfo>;
  listTerminals(): Promise<TerminalInfo[]>;
  closeTerminal(terminalId: string): Promise<void>;
  /** An opening WebSocket with the frames of protocol.ts; the caller closes it. */
  attachTerminal(terminalId: string, afterByte: number): WebSocket;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** A call that takes longer has failed; sidecars answer in milliseconds. */
const CALL_TIMEOUT_MS = 15_000;
/** The sidecar sends a heartbeat every 3 s; three missed ones are the end of a stream. Older sidecars send one every 5 s. */
const STREAM_SILENCE_MS = 9_000;

/** The host is never looked up: the connection goes to the socket. */
const BASE = "http://sidecar";

/** @param opts.bearer null before registration: only `health`, `offer` and `complete` are answered then. */
export function createSidecarClient(opts: { socketPath: string; bearer: string | null }): SidecarClient {
  const agent = new Agent({
    connect: { socketPath: opts.socketPath },
    bodyTimeout: STREAM_SILENCE_MS,
    headersTimeout: CALL_TIMEOUT_MS,
  });
  const headers: Record<string, string> = opts.bearer ? { authorization: `Bearer ${opts.bearer}` } : {};
  const dial = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const requestId = currentRequestId();
    const sent = new Headers(init?.headers);
    if (requestId !== null) sent.set(REQUEST_ID_HEADER, requestId);
    // undici's own types and the DOM's differ in name only; both are the same fetch standard.
    const response = await undiciFetch(input as string, {
      ...(init as UndiciRequestInit),
      headers: [...sent],
      dispatcher: agent,
    });
    return response as unknown as Response;
  };
  const api = hc<SidecarApp>(BASE, { fetch: dial, headers });

  const call = async <T>(request: Promise<Response>, schema: z.ZodType<T>): Promise<T> => {
    const response = await request.catch(unreachable);
    const body: unknown = await response.json().catch(unreachable);
    if (!response.ok) throw answeredError(body, response.status);
    const parsed = schema.safeParse(body);
    if (!parsed.success) throw badAnswer(parsed.error);
    return parsed.data;
  };
  const done = async (request: Promise<Response>): Promise<void> => {
    const response = await request.catch(unreachable);
    if (!response.ok) throw answeredError(await response.json().catch(() => null), response.status);
    await response.body?.cancel();
  };

  return {
    health: () => call(api.health.$get(), healthResponse),
    offer: (nonce) => call(api.registration.offer.$post({ json: { nonce } }), offerResponse),
    complete: (json) => done(api.registration.complete.$post({ json })),
    credentials: (json) => done(api.credentials.$post({ json })),
    prompt: (json) => call(api.prompts.$post({ json }), promptResponse),
    abort: (promptId) => call(api.abort.$post({ json: promptId ? { promptId } : {} }), abortResponse),
    reply: (requestId, json) =>
      call(api.requests[":requestId"].reply.$post({ param: { requestId }, json }), requestReplyResponse),
    settings: (json) => done(api.settings.$post({ json })),
    async *events(held, signal) {
      const query = { epoch: String(held.epoch), n: String(held.n) };
      const response = await api.events.$get({ query }, { init: { signal } }).catch(unreachable);
      if (!response.ok || !response.body)
        throw answeredError(await response.json().catch(() => null), response.status);
      try {
        for await (const line of splitLines(response.body as ReadableStream<Uint8Array>))
          yield parseStreamLine(line);
      } catch (error) {
        if (error instanceof LineTooLongError) throw badAnswer(error);
        throw error instanceof SidecarError ? error : unreachableError(error);
      }
    },
    acknowledge: (json) => done(api.events.ack.$post({ json })),
    createTerminal: (json) => call(api.terminals.$post({ json }), terminalInfo),
    listTerminals: async () => (await call(api.terminals.$get(), terminalList)).terminals,
    closeTerminal: (id) => done(api.terminals[":id"].$delete({ param: { id } })),
    attachTerminal: (id, afterByte) =>
      new WebSocketClient(
        `ws+unix://${opts.socketPath}:/terminals/${encodeURIComponent(id)}/attach?afterByte=${afterByte}`,
        {
          headers,
          maxPayload: 1024 * 1024,
          handshakeTimeout: CALL_TIMEOUT_MS,
        },
      ),
    close: () => agent.destroy(),
  };
}

function parseStreamLine(line: string): SpooledEvent[] {
  const parsed = eventStreamLine.safeParse(parseJson(line));
  if (!parsed.success) throw badAnswer(parsed.error);
  return parsed.data.kind === "events" ? parsed.data.events : [];
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw badAnswer(error);
  }
}

function answeredError(body: unknown, status: number): SidecarError {
  const parsed = sidecarError.safeParse(body);
  if (!parsed.success)
    return new SidecarError(
      "bad_answer",
      "The session's sidecar answered with something else than its contract.",
      `HTTP ${status}`,
    );
  return new SidecarError(parsed.data.code, parsed.data.message, parsed.data.detail ?? null);
}

function badAnswer(cause: unknown): SidecarError {
  const detail = cause instanceof Error ? cause.message.slice(0, 500) : String(cause);
  return new SidecarError(
    "bad_answer",
    "The session's sidecar answered with something else than its contract.",
    detail,
    { cause },
  );
}

function unreachableError(cause: unknown): SidecarError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return new SidecarError(
    "unreachable",
    "The session's sidecar does not answer.",
    inner instanceof Error ? inner.message : String(inner),
    { cause },
  );
}

function unreachable(cause: unknown): never {
  throw unreachableError(cause);
}
