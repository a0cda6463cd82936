import type { IncomingMessage, ServerResponse } from "node:http";
import type { JSONValue } from "convex/values";
import { z } from "zod";
import type { Outcome } from "./execute";
import { HostError } from "./host-error";
import type { Identity, VerifiedToken } from "./identity";
import { LIMITS } from "./limits";
import { jsonSchema } from "./values";

/** A body carries arguments and little else. */
const MAX_BODY_BYTES = LIMITS.argsBytes + 1024 * 1024;

export interface HttpQuestion {
  method: string;
  pathname: string;
  authorization: string | null;
  /** Read only where a function is run. */
  body(): Promise<string>;
}

export interface HttpAnswer {
  status: number;
  contentType: "application/json" | "text/plain";
  text: string;
}

const call = z.object({
  path: z.string().max(512),
  format: z.enum(["convex_encoded_json", "json"]).optional(),
  args: z.union([z.array(jsonSchema).max(1), jsonSchema]),
  componentPath: z.undefined({ error: "this host has no components" }).optional(),
});

/** The HTTP interface that ConvexHttpClient speaks. A token it is given must be good; who may do what, functions say. */
export function createHttpApi(deps: {
  mountPath: string;
  run: (
    kind: "query" | "mutation",
    request: { path: string; args: JSONValue; identity: Identity | null },
  ) => Promise<Outcome>;
  verify: (token: string) => Promise<VerifiedToken>;
}): (question: HttpQuestion) => Promise<HttpAnswer> {
  async function answer(question: HttpQuestion): Promise<HttpAnswer> {
    const path = question.pathname.startsWith(`${deps.mountPath}/`)
      ? question.pathname.slice(deps.mountPath.length)
      : "";
    if (path === "/version" && question.method === "GET")
      return { status: 200, contentType: "text/plain", text: "embedded" };
    const kind = path === "/api/query" ? "query" : path === "/api/mutation" ? "mutation" : null;
    if (kind === null)
      return problem(404, "NotFound", "This host answers /api/query, /api/mutation and /version.");
    if (question.method !== "POST") return problem(405, "MethodNotAllowed", "Send this by POST.");
    const identity = await identify(question.authorization);
    const { path: functionPath, args } = parseCall(await question.body());
    const outcome = await deps.run(kind, {
      path: functionPath,
      args: Array.isArray(args) ? args : [args],
      identity,
    });
    return outcomeAnswer(outcome);
  }

  async function identify(authorization: string | null): Promise<Identity | null> {
    if (authorization === null) return null;
    const token = /^Bearer (\S+)$/i.exec(authorization)?.[1];
    if (token === undefined)
      throw new HostError("unauthenticated", "This host takes tokens of users alone: Bearer <token>.");
    return (await deps.verify(token)).identity;
  }

  return async (question) => {
    try {
      return await answer(question);
    } catch (error) {
      if (error instanceof HostError && error.code === "unauthenticated")
        return problem(401, "Unauthenticated", error.message);
      if (error instanceof HostError && error.code === "refused")
        return problem(400, "BadRequest", error.message);
      throw error;
    }
  };
}

function parseCall(body: string): z.infer<typeof call> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (cause) {
    throw new HostError("refused", "The body must be JSON.", { cause });
  }
  const parsed = call.safeParse(json);
  if (!parsed.success)
    throw new HostError("refused", `The body is not understood: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function outcomeAnswer(outcome: Outcome): HttpAnswer {
  const text = outcome.ok
    ? `{"status":"success","value":${outcome.json},"logLines":[]}`
    : JSON.stringify({
        status: "error",
        errorMessage: outcome.message,
        errorData: outcome.data,
        logLines: [],
      });
  return { status: 200, contentType: "application/json", text };
}

function problem(status: number, code: string, message: string): HttpAnswer {
  return { status, contentType: "application/json", text: JSON.stringify({ code, message }) };
}

export async function questionOfRequest(request: Request): Promise<HttpQuestion> {
  return {
    method: request.method,
    pathname: new URL(request.url).pathname,
    authorization: request.headers.get("authorization"),
    body: () => request.text(),
  };
}

export function questionOfNode(req: IncomingMessage): HttpQuestion {
  return {
    method: req.method ?? "GET",
    pathname: req.url?.split("?")[0] ?? "",
    authorization: req.headers.authorization ?? null,
    body: () => readBody(req),
  };
}

async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req) {
    const part = Buffer.from(z.instanceof(Uint8Array).parse(chunk));
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES)
      throw new HostError("refused", `The body is larger than ${MAX_BODY_BYTES} bytes.`);
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString();
}

export function writeAnswer(res: ServerResponse, { status, contentType, text }: HttpAnswer): void {
  res.writeHead(status, { "content-type": contentType, "cache-control": "no-store" });
  res.end(text);
}
