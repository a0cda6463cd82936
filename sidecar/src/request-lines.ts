import { createMiddleware } from "hono/factory";
import type { Log } from "./log";
import { REQUEST_ID_HEADER, requestId } from "./protocol";
import { inRequest } from "./request-scope";

/** Takes the id that the server sent along; anything else in its place is nothing. */
export const takeRequestId = createMiddleware(async (c, next) => {
  const given = requestId.safeParse(c.req.header(REQUEST_ID_HEADER));
  await inRequest(given.success ? given.data : null, next);
});

/** A line for each change that was asked for. Behind the guard: who has no token fills no log. */
export function requestLines(log: Log) {
  return createMiddleware(async (c, next) => {
    const startedAt = performance.now();
    await next();
    if (c.req.method === "GET") return;
    const { method, path } = c.req;
    log.info("request", {
      method,
      path,
      status: c.res.status,
      ms: Math.round(performance.now() - startedAt),
    });
  });
}
