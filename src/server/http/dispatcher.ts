import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { REQUEST_ID_HEADER, requestId as requestIdForm } from "../../../sidecar/src/protocol";
import type { Clock } from "../clock";
import { asDiskFull } from "../db/disk-full";
import { AppError } from "../errors";
import type { Logger } from "../log";
import { inRequest } from "../request-scope";
import { DEFAULT_MAX_BODY_BYTES, limitBody } from "./body-limit";
import { NO_PAGE_POLICY } from "./content-security-policy";
import type { Origins } from "./origins";
import { refuse } from "./refuse";
import { createRequestLines } from "./request-lines";

/** What a handler gets beside Node's pair. */
export interface RequestFacts {
  /** The client's own where it sent a well-formed one; also in the answer, in errors and in the log's lines. */
  requestId: string;
  /** The peer's address. */
  ip: string;
  /** Without the query. */
  pathname: string;
  log: Logger;
}

export type RequestHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  facts: RequestFacts,
) => void | Promise<void>;

/** A part of the address space. The path itself and everything below it belong to the handler. */
export interface RequestRoute {
  /** Such as `/api/trpc`; no slash at the end. `/` takes what no other route takes. */
  prefix: string;
  /** Also reachable by a loopback name when OPENAGENT_URL names another: for whoever supervises the process. */
  loopbackToo?: boolean;
  /** Its forms carry a token of their own that proves their page is ours. */
  hasOwnCsrfToken?: boolean;
  /** The largest body it takes; {@link DEFAULT_MAX_BODY_BYTES} when not given. A larger one is refused here. */
  maxBodyBytes?: number | ((pathname: string) => number);
  handle: RequestHandler;
}

/** Headers that say something only to us or to a proxy that we do not have; a client cannot set them. */
const OURS = [
  "x-openagent-ip",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-for",
  "x-forwarded-port",
  "forwarded",
];

/** Every HTTP request enters here: the name, the origin and the form of the target are checked before any handler. */
export function createDispatcher(deps: {
  routes: readonly RequestRoute[];
  origins: Origins;
  clock: Clock;
  log: Logger;
}) {
  // The longest prefix first, so that a table's order does not matter.
  const routes = [...deps.routes].sort((a, b) => b.prefix.length - a.prefix.length);
  const mayWrite = createRequestLines(deps);
  const dispatch = (req: IncomingMessage, res: ServerResponse, facts: RequestFacts): void => {
    prepare(req, res, facts);
    logWhenDone(req, res, { ...facts, mayWrite });
    try {
      const pathname = requireOriginForm(req.url);
      const route = routes.find(({ prefix }) => isUnder(pathname, prefix));
      deps.origins.requireOurHost(req.headers.host, { loopbackToo: route?.loopbackToo ?? false });
      deps.origins.requireOurOrigin({
        method: req.method ?? "GET",
        headers: req.headers,
        hasOwnCsrfToken: route?.hasOwnCsrfToken ?? false,
      });
      if (route === undefined)
        throw new AppError("NOT_FOUND", "not_found", "There is nothing at this address. Check it.");
      void run(route, { req, res, facts: { ...facts, pathname } });
    } catch (error) {
      answerFailure(res, error, facts);
    }
  };
  return (req: IncomingMessage, res: ServerResponse): void => {
    const facts = factsOf(req, deps.log);
    inRequest(facts.requestId, () => dispatch(req, res, facts));
  };
}

async function run(
  { handle, maxBodyBytes = DEFAULT_MAX_BODY_BYTES }: RequestRoute,
  { req, res, facts }: { req: IncomingMessage; res: ServerResponse; facts: RequestFacts },
): Promise<void> {
  let hasFailed = false;
  const fail = (error: unknown) => {
    // A handler whose body was refused fails in its turn, for want of it.
    if (!hasFailed) answerFailure(res, error, facts);
    hasFailed = true;
  };
  try {
    const maxBytes = typeof maxBodyBytes === "number" ? maxBodyBytes : maxBodyBytes(facts.pathname);
    limitBody(req, maxBytes, fail);
    await handle(req, res, facts);
  } catch (error) {
    fail(error);
  }
}

function answerFailure(res: ServerResponse, error: unknown, facts: RequestFacts): void {
  const known = error instanceof AppError ? error : asDiskFull(error);
  if (!known) facts.log.error({ err: error }, "request failed");
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const shown =
    known ??
    new AppError(
      "INTERNAL_SERVER_ERROR",
      "internal",
      `Something went wrong here: the server's log has it under request ${facts.requestId}.`,
    );
  refuse(res, shown, facts.requestId);
}

function factsOf(req: IncomingMessage, log: Logger): RequestFacts {
  const given = requestIdForm.safeParse(req.headers[REQUEST_ID_HEADER]);
  const requestId = given.success ? given.data : `rq_${randomBytes(8).toString("hex")}`;
  const pathname = req.url?.split("?")[0] ?? "";
  return { requestId, ip: req.socket.remoteAddress ?? "unknown", pathname, log };
}

function prepare(req: IncomingMessage, res: ServerResponse, facts: RequestFacts): void {
  for (const name of OURS) delete req.headers[name];
  req.headers["x-openagent-ip"] = facts.ip;
  req.headers[REQUEST_ID_HEADER] = facts.requestId;
  res.setHeader(REQUEST_ID_HEADER, facts.requestId);
  res.setHeader("x-content-type-options", "nosniff");
  res.setHeader("referrer-policy", "same-origin");
  res.setHeader("x-frame-options", "DENY");
  res.setHeader("content-security-policy", NO_PAGE_POLICY);
}

function logWhenDone(
  req: IncomingMessage,
  res: ServerResponse,
  { requestId, log, ip, pathname, mayWrite }: RequestFacts & { mayWrite: (ip: string) => boolean },
): void {
  const startedAt = performance.now();
  res.once("close", () => {
    // The connection's event, which is not of the request's own doing.
    const line = {
      requestId,
      method: req.method,
      path: pathname.slice(0, 200),
      status: res.statusCode,
      ms: Math.round(performance.now() - startedAt),
      ip,
    };
    const isTold = (res.statusCode >= 400 || req.method !== "GET") && mayWrite(ip);
    log[isTold ? "info" : "debug"](line, "request");
  });
}

/**
 * A target with a host of its own (`GET http://…`) makes proxies of careless servers, and `//host` reads as one.
 * @returns the path without the query
 * @throws AppError `bad_input`
 */
export function requireOriginForm(target: string | undefined): string {
  const path = target?.split("?")[0] ?? "";
  if (!path.startsWith("/") || /^[/\\]{2}/.test(path)) {
    throw new AppError("BAD_REQUEST", "bad_input", "The request's target must be a path of this server.");
  }
  return path;
}

export function isUnder(pathname: string, prefix: string): boolean {
  return prefix === "/" || pathname === prefix || pathname.startsWith(`${prefix}/`);
}
