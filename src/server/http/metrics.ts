import { createHash, timingSafeEqual } from "node:crypto";
import { AppError } from "../errors";
import type { Metrics } from "../health/metrics";
import type { RequestRoute } from "./dispatcher";

/**
 * `/metrics` for Prometheus: to the bearer of one token of the operator's, and to nobody while there is none.
 * @param deps.token null: there are no metrics to be had
 */
export function createMetricsRoute(deps: { token: string | null; metrics: Metrics }): RequestRoute {
  const { token, metrics } = deps;
  return {
    prefix: "/metrics",
    loopbackToo: true,
    async handle(req, res, { pathname }) {
      if (token === null || pathname !== "/metrics")
        throw new AppError("NOT_FOUND", "not_found", "There is nothing at this address. Check it.");
      if (!isBearer(req.headers.authorization, token)) {
        res.setHeader("www-authenticate", "Bearer");
        throw new AppError(
          "UNAUTHORIZED",
          "not_signed_in",
          "Metrics are for the bearer of OPENAGENT_METRICS_TOKEN. Send it as the Authorization header.",
        );
      }
      if (req.method !== "GET")
        throw new AppError("METHOD_NOT_SUPPORTED", "bad_input", "Metrics are read by GET. Use it.");
      const text = await metrics.text();
      res.writeHead(200, { "content-type": metrics.contentType, "cache-control": "no-store" });
      res.end(text);
    },
  };
}

/** Takes the same time whatever differs. */
function isBearer(header: string | undefined, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(header ?? ""), digest(`Bearer ${token}`));
}
