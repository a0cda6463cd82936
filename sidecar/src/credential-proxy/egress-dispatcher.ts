/**
 * The proxy's way to providers: every upstream connection is a CONNECT over the egress socket, marked with the secret
 * that only the sidecar knows, so that provider hosts open to marked connections alone are reached.
 */
import http from "node:http";
import type { Duplex } from "node:stream";
import { Socket } from "node:net";
import { Agent, buildConnector, type Dispatcher } from "undici";
import { z } from "zod";
import { ProxyError } from "./proxy-error";

/** A model may think for minutes before its first byte, and between two. */
const ANSWER_TIMEOUT_MS = 10 * 60_000;
/** Name look-up and dialling on the server's side. */
const CONNECT_TIMEOUT_MS = 30_000;
/** An agent's next call usually comes within this; saves it the CONNECT and the TLS handshake. */
const IDLE_CONNECTION_MS = 20_000;
const MAX_REFUSAL_BYTES = 4096;
const REFUSAL_TIMEOUT_MS = 2000;

export interface EgressOptions {
  readonly socketPath: string;
  /** Null until the registration has delivered it. Asked for each connection. */
  readonly secret: () => string | null;
  /** PEM of certificate authorities that replace the system's; for tests. */
  readonly ca?: string;
}

/**
 * An undici dispatcher over the egress socket. Requests fail with {@link ProxyError} `egress_refused` (with the server's
 * sentence), `upstream_unreachable` or `not_ready`, or with undici's own errors. The caller closes it.
 */
export function createEgressDispatcher(egress: EgressOptions): Dispatcher {
  const secure = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    ...(egress.ca === undefined ? {} : { ca: egress.ca }),
  });
  const connect: buildConnector.connector = (options, callback) => {
    openTunnel(egress, authority(options)).then(
      (socket) => {
        if (options.protocol === "https:") secure({ ...options, httpSocket: socket }, callback);
        else callback(null, socket);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    );
  };
  return new Agent({
    connect,
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
    keepAliveTimeout: IDLE_CONNECTION_MS,
  });
}

function authority({ hostname, port, protocol }: buildConnector.Options): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${host}:${port || (protocol === "https:" ? "443" : "80")}`;
}

function openTunnel(egress: EgressOptions, target: string): Promise<Socket> {
  const secret = egress.secret();
  if (secret === null) {
    const sentence =
      "This session is not registered yet, so no provider can be reached; try again in a moment.";
    return Promise.reject(new ProxyError("not_ready", sentence));
  }
  return new Promise((resolve, reject) => {
    const request = http.request({
      socketPath: egress.socketPath,
      method: "CONNECT",
      path: target,
      agent: false,
      timeout: CONNECT_TIMEOUT_MS,
      headers: { host: target, "proxy-authorization": `Bearer ${secret}` },
    });
    request.once("connect", (response, socket: Duplex, head) => {
      socket.setMaxListeners(20);
      if (response.statusCode === 200 && socket instanceof Socket) {
        socket.setTimeout(0);
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      readRefusal(response, socket, head).then((sentence) => {
        const detail = `CONNECT ${target}: ${response.statusCode ?? "no status"}`;
        reject(
          new ProxyError(
            "egress_refused",
            sentence ?? `The server refused a connection to ${target}.`,
            detail,
          ),
        );
      }, reject);
    });
    request.once("timeout", () => request.destroy(new Error("timed out")));
    request.once("error", (cause) => {
      const sentence = `The server's network proxy did not open a connection to ${target}; try again in a moment.`;
      reject(new ProxyError("upstream_unreachable", sentence, cause.message, { cause }));
    });
    request.end();
  });
}

/** The sentence in a refusal's body: plain text, or JSON with a `message`. Undefined when there is none. */
async function readRefusal(
  response: http.IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<string | undefined> {
  const length = Math.min(Number(response.headers["content-length"] ?? MAX_REFUSAL_BYTES), MAX_REFUSAL_BYTES);
  const chunks = [head];
  const size = () => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const timer = setTimeout(() => socket.destroy(), REFUSAL_TIMEOUT_MS);
  try {
    if (size() < length) {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        if (size() >= length) break;
      }
    }
  } catch {
    // A refusal that is cut short still says what it said.
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
  const body = Buffer.concat(chunks).subarray(0, length).toString().trim();
  return (jsonMessage(body) ?? body).slice(0, 1000) || undefined;
}

function jsonMessage(body: string): string | undefined {
  try {
    return z.object({ message: z.string() }).safeParse(JSON.parse(body)).data?.message;
  } catch {
    return undefined; // not JSON: the body is the sentence
  }
}
