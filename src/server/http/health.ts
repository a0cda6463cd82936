import type { ServerResponse } from "node:http";
import type { System } from "../system";
import type { RequestRoute } from "./dispatcher";

/** `/healthz`: the process answers. `/readyz`: what it needs answers as well. Both open, and both by a loopback name. */
export function createHealthRoutes(system: System): RequestRoute[] {
  return [
    {
      prefix: "/healthz",
      loopbackToo: true,
      handle: (_req, res) => answer(res, 200, { status: "ok", version: system.version }),
    },
    {
      prefix: "/readyz",
      loopbackToo: true,
      async handle(_req, res) {
        const { ready, checks } = await system.readiness();
        answer(res, ready ? 200 : 503, { checks });
      },
    },
  ];
}

function answer(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  res.end(JSON.stringify(body));
}
