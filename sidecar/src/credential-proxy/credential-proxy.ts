/**
 * The agent's only way to a model: `http://127.0.0.1:3129/<provider>/…`. The agent has a worthless stand-in for a key; here the
 * real one takes its place, on the way to the address that the server's table names and to no other.
 */
import type { Dispatcher } from "undici";
import type { ProviderCredential } from "../protocol";
import { describeError, type Log } from "../log";
import { createEgressDispatcher, type EgressOptions } from "./egress-dispatcher";
import { KeyRedactor, redactText } from "./key-redactor";
import { startListener } from "./listener";
import { ProxyError } from "./proxy-error";
import { agentHeaders, upstreamHeaders } from "./proxy-headers";
import { assertPlainTarget, resolveTarget, splitProvider } from "./target";

/** Several images in one prompt fit. Bytes. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const NO_BODY = new Set([204, 205]);
/** The provider id whose requests the demo model answers; a table's entry of that name is never used. */
const DEMO_PROVIDER = "demo";

export interface CredentialProxyOptions {
  /** The server's table; asked for each request, so a change holds from the next one on. */
  readonly providers: () => readonly ProviderCredential[];
  /** Answers `/demo/…`; gets the path without `/demo`. */
  readonly demo: { fetch(request: Request): Response | Promise<Response> };
  readonly egress: EgressOptions;
  readonly log: Pick<Log, "warn">;
}

export interface CredentialProxy {
  /** Never rejects: failures are answers in OpenAI's error shape with a sentence. The request's signal ends the upstream's. */
  fetch(request: Request): Promise<Response>;
  /**
   * Serves {@link CredentialProxy.fetch} on 127.0.0.1 to requests that name it as their host. 0 takes a free port.
   * The caller closes it: stops listening and cuts what is under way.
   */
  listen(port: number): Promise<{ port: number; close(): Promise<void> }>;
}

export function createCredentialProxy(options: CredentialProxyOptions): CredentialProxy {
  const dispatcher = createEgressDispatcher(options.egress);

  const answer = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    assertPlainTarget(url.pathname + url.search);
    if (request.method !== "GET" && request.method !== "POST") {
      throw new ProxyError("method_not_allowed", "Model providers are asked with GET and POST only.");
    }
    const { providerId, rest } = splitProvider(url.pathname);
    const body = request.method === "POST" ? await readBody(request) : null;
    if (providerId === DEMO_PROVIDER) {
      const init = { method: request.method, headers: request.headers, body, signal: request.signal };
      return options.demo.fetch(new Request(`http://demo.invalid/${rest}${url.search}`, init));
    }
    const provider = options.providers().find((one) => one.providerId === providerId);
    if (provider === undefined) {
      throw new ProxyError(
        "unknown_provider",
        "This session has no key for that provider; choose a model of one that has, or add a key in the settings.",
        providerId.slice(0, 100),
      );
    }
    return forward({
      dispatcher,
      provider,
      request,
      body,
      target: resolveTarget(provider, rest, url.search),
    });
  };

  const fetch = async (request: Request): Promise<Response> => {
    try {
      return await answer(request);
    } catch (error) {
      const failure = toProxyError(error);
      options.log.warn("A model request failed in the credential proxy.", {
        code: failure.code,
        detail: failure.detail,
      });
      return failure.toResponse();
    }
  };
  return {
    fetch,
    listen: async (port) => {
      const listener = await startListener(port, fetch);
      return { port: listener.port, close: () => listener.close().then(() => dispatcher.destroy()) };
    },
  };
}

interface Forward {
  readonly dispatcher: Dispatcher;
  readonly provider: ProviderCredential;
  readonly request: Request;
  readonly body: Uint8Array<ArrayBuffer> | null;
  readonly target: URL;
}

async function forward({ dispatcher, provider, request, body, target }: Forward): Promise<Response> {
  const answer = await dispatcher
    .request({
      origin: target.origin,
      path: target.pathname + target.search,
      method: request.method === "POST" ? "POST" : "GET",
      headers: upstreamHeaders(request.headers, provider),
      body,
      signal: request.signal,
    })
    .catch((cause: unknown) => {
      if (cause instanceof ProxyError) throw cause;
      const detail = redactText(describeError(cause), provider.key);
      const sentence = `${provider.name} could not be reached; check the provider's address and whether it is up, then try again.`;
      throw new ProxyError("upstream_unreachable", sentence, detail);
    });
  // Whoever reads the body gets its error; a body that nobody reads any more must not end the process with it.
  answer.body.on("error", () => undefined);
  const refusal = refuseAnswer(answer, provider);
  if (refusal !== undefined) {
    answer.body.destroy();
    throw refusal;
  }
  const redact = (text: string) => redactText(text, provider.key);
  const headers = agentHeaders(answer.headers, redact);
  if (NO_BODY.has(answer.statusCode)) {
    answer.body.destroy();
    return new Response(null, { status: answer.statusCode, headers });
  }
  return new Response(redactedStream(answer.body, provider.key), { status: answer.statusCode, headers });
}

function refuseAnswer(answer: Dispatcher.ResponseData, provider: ProviderCredential): ProxyError | undefined {
  if (answer.statusCode >= 300 && answer.statusCode < 400) {
    return new ProxyError(
      "redirect_refused",
      `${provider.name} answered with a redirect, which keys never follow; correct the provider's address in the settings.`,
      `status ${answer.statusCode}`,
    );
  }
  if (answer.statusCode === 206) {
    return new ProxyError(
      "partial_answer",
      `${provider.name} sent a part of an answer although it was not asked for one, so it could not be checked for the key; try again or use another provider.`,
      "status 206",
    );
  }
  const encoding = [answer.headers["content-encoding"] ?? "identity"].flat().join(",");
  if (encoding !== "identity") {
    return new ProxyError(
      "encoded_answer",
      `${provider.name} compressed its answer although it was asked not to, so it could not be checked for the key; try again or use another provider.`,
      `content-encoding ${encoding}`,
    );
  }
  return undefined;
}

/** Chunk by chunk, nothing read ahead of the reader; cancelling it closes the upstream. */
function redactedStream(body: Dispatcher.ResponseData["body"], key: string): ReadableStream<Uint8Array> {
  const redactor = new KeyRedactor(key);
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const next = await chunks.next();
          const clean = next.done ? redactor.end() : redactor.push(next.value);
          if (clean.length > 0) controller.enqueue(clean);
          if (next.done) return controller.close();
          if (clean.length > 0) return;
        }
      },
      cancel: () => {
        body.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}

async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES ? Infinity : 0;
  const reader = request.body?.getReader();
  while (reader !== undefined && size <= MAX_BODY_BYTES) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    chunks.push(value);
  }
  if (size > MAX_BODY_BYTES) {
    // Left unread, not cancelled: cancelling would close the connection before the answer is out.
    throw new ProxyError("body_too_large", "This prompt is larger than 32 MiB; send less of it at once.");
  }
  return Buffer.concat(chunks);
}

function toProxyError(error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  return new ProxyError("internal", "The credential proxy failed; try again.", describeError(error), {
    cause: error,
  });
}
