import type { IncomingMessage } from "node:http";
import { nodeHTTPRequestHandler } from "@trpc/server/adapters/node-http";
import { AppError } from "../errors";
import type { Services } from "../services";
import { appRouter } from "../trpc/app-router";
import type { TrpcContext } from "../trpc/context";
import { isUnforeseen } from "../trpc/error-map";
import { DEFAULT_MAX_BODY_BYTES } from "./body-limit";
import type { RequestFacts, RequestRoute } from "./dispatcher";

const PREFIX = "/api/trpc";
const MAX_BATCH_SIZE = 20;
/** Prompts carry attachments. */
const MAX_PROMPT_BODY_BYTES = 24 * 1024 * 1024;

/** tRPC on our own server: queries by GET, mutations by POST in JSON, subscriptions as server-sent events. */
export function createTrpcRoute(services: Services): RequestRoute {
  return {
    prefix: PREFIX,
    maxBodyBytes: (pathname) =>
      pathOf(pathname).split(",").includes("prompts.send") ? MAX_PROMPT_BODY_BYTES : DEFAULT_MAX_BODY_BYTES,
    async handle(req, res, facts) {
      requireJson(req);
      await nodeHTTPRequestHandler({
        router: appRouter,
        req,
        res,
        path: pathOf(facts.pathname),
        maxBatchSize: MAX_BATCH_SIZE,
        createContext: () => contextOf(req, facts, services),
        responseMeta: ({ errors }) => retryAfter(errors.map((error) => error.cause)),
        onError({ error, path: procedure, ctx }) {
          const line = { err: error.cause ?? error, procedure, userId: ctx?.caller?.userId };
          if (isUnforeseen(error)) facts.log.error(line, "procedure failed");
          else facts.log.debug({ procedure, message: error.message }, "procedure refused");
        },
      });
    },
  };
}

/** The procedures that are called, with commas between them. */
function pathOf(pathname: string): string {
  return pathname.slice(PREFIX.length + 1);
}

async function contextOf(
  req: IncomingMessage,
  facts: RequestFacts,
  services: Services,
): Promise<TrpcContext> {
  const caller = await services.authenticate(req.headers);
  return { caller, services, requestId: facts.requestId, ip: facts.ip, log: facts.log };
}

/** A form of another site can send text/plain or a form, never JSON, without asking first. */
function requireJson(req: IncomingMessage): void {
  if (req.method === "GET" || req.method === "HEAD") return;
  const type = req.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw new AppError("UNSUPPORTED_MEDIA_TYPE", "bad_input", "Send the input as application/json.");
  }
}

function retryAfter(causes: readonly unknown[]): { headers?: Headers } {
  const seconds = causes.flatMap((cause) =>
    cause instanceof AppError ? (cause.retryAfterSeconds ?? []) : [],
  );
  return seconds.length === 0
    ? {}
    : { headers: new Headers({ "retry-after": String(Math.max(...seconds)) }) };
}
