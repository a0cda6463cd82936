/** One GET to a provider, on a connection that the egress rules opened; nothing is followed, kept or retried. */
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { isIP, type Socket } from "node:net";
import { connect as secure } from "node:tls";
import { EgressError } from "../egress/egress-error";
import { parseHostPort } from "../egress/parse-host-port";
import type { ConnectToProvider } from "../egress/server-connections";
import type { KeyQuestion } from "./key-question";

/** Some hundred models with long descriptions fit. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
const MAX_HEADER_BYTES = 32 * 1024;

/** `unread`: why there is no text, as it reads after "its answer". */
export type Body = { text: string } | { unread: string };

/** What came back, or why nothing did. */
export type Heard =
  | {
      kind: "answer";
      status: number;
      body: Body;
    }
  /** The written table of addresses says no; `message` is a sentence. */
  | { kind: "blocked"; message: string }
  /** `message`: a sentence where there is one to say; `detail` is technical. */
  | { kind: "unreachable"; message: string | null; detail: string }
  | { kind: "late" }
  /** Something answers there that does not speak HTTP. */
  | { kind: "not_http"; detail: string };

export interface AskDeps {
  connect: ConnectToProvider;
  /** For everything together: name, connection, answer. */
  deadlineMs: number;
  /** PEM of certificate authorities that replace the system's; for tests. */
  ca?: string;
}

export async function askProvider(
  question: Pick<KeyQuestion, "url" | "headers">,
  deps: AskDeps,
): Promise<Heard> {
  const signal = AbortSignal.timeout(deps.deadlineMs);
  try {
    const socket = await connectTo(question.url, deps.connect, signal);
    try {
      const answer = await get(question, { socket, signal, ca: deps.ca });
      return { kind: "answer", status: answer.statusCode ?? 0, body: await readBody(answer, signal) };
    } finally {
      socket.destroy();
    }
  } catch (error) {
    return signal.aborted ? { kind: "late" } : failureOf(error);
  }
}

function connectTo(url: URL, connect: ConnectToProvider, signal: AbortSignal): Promise<Socket> {
  const target = parseHostPort(url.host, url.protocol === "https:" ? 443 : 80);
  if (target === null) throw new EgressError("refused", `${url.host} is no host that can be reached.`);
  return connect(target, signal);
}

function get(
  { url, headers }: Pick<KeyQuestion, "url" | "headers">,
  { socket, signal, ca }: { socket: Socket; signal: AbortSignal; ca: string | undefined },
): Promise<IncomingMessage> {
  const isSecure = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const layered = () => {
    if (!isSecure) return socket;
    const secured = secure({ socket, host, ca, ...(isIP(host) === 0 ? { servername: host } : {}) });
    // Never taken off: an error after the request let go of it must not end the process.
    return secured.on("error", () => undefined);
  };
  return new Promise((resolve, reject) => {
    const request = (isSecure ? https : http).get(url, {
      headers,
      signal,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Without an agent Node takes 80 for the default of https too, and then names the port in the Host header.
      defaultPort: isSecure ? 443 : 80,
      createConnection: layered,
    });
    request.once("response", resolve);
    // Never taken off: what breaks after the answer's head is told to whoever reads the answer.
    request.on("error", reject);
    // A protocol that was never asked for ends the request without either.
    request.once("close", () => reject(new Error("closed without an answer")));
  });
}

async function readBody(answer: IncomingMessage, signal: AbortSignal): Promise<Body> {
  const encoding = answer.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") return { unread: "came compressed, although that was not asked for" };
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) return { unread: "is longer than any list of models" };
      chunks.push(chunk);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    return { unread: "broke off in the middle" };
  }
  return { text: Buffer.concat(chunks).toString("utf8") };
}

function failureOf(error: unknown): Heard {
  if (error instanceof EgressError) {
    return error.code === "refused"
      ? { kind: "blocked", message: error.message }
      : { kind: "unreachable", message: error.message, detail: describe(error.cause) };
  }
  const detail = describe(error);
  return detail.startsWith("HPE_")
    ? { kind: "not_http", detail }
    : { kind: "unreachable", message: null, detail };
}

/** Code and message of a network, TLS or HTTP parser's error: none of them has anything of the request in it. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return "no reason given";
  return "code" in error && typeof error.code === "string"
    ? `${error.code}: ${error.message}`
    : error.message;
}
