import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { join } from "node:path";
import next from "next";
import { createCompressedFiles } from "./compressed-files";
import { contentSecurityPolicy } from "./content-security-policy";
import type { RequestHandler, RequestRoute } from "./dispatcher";
import type { UpgradeRoute } from "./upgrades";

export interface Pages {
  /** Everything that no other route takes. next-auth's routes are among them. */
  routes: RequestRoute[];
  /** Hot reloading, in development alone. */
  upgrades: UpgradeRoute[];
  close(): Promise<void>;
}

/** next-auth reads the whole body before it looks at its form token: a name, a password and the token need far less. */
const MAX_AUTH_BODY_BYTES = 64 * 1024;

/**
 * Next behind our dispatcher. It is given an HTTP server of its own that never listens: else it attaches an upgrade
 * listener to ours at the first request. In development that listener is what hot reloading is handed to; Next's public
 * `getUpgradeHandler` leads to one that does nothing.
 * @param opts.dir the project's root, where `.next` is
 * @param opts.connectTo other origins that pages call
 */
export async function createPages(opts: {
  dev: boolean;
  dir: string;
  host: string;
  port: number;
  connectTo: readonly URL[];
}): Promise<Pages> {
  const nextsOwn = createServer();
  const app = next({
    dev: opts.dev,
    dir: opts.dir,
    hostname: opts.host,
    port: opts.port,
    httpServer: nextsOwn,
  });
  await app.prepare();
  const answer = app.getRequestHandler();
  const handle: RequestHandler = (req, res) => {
    const policy = contentSecurityPolicy({
      nonce: randomBytes(16).toString("base64"),
      host: req.headers.host ?? "",
      connectTo: opts.connectTo,
      dev: opts.dev,
    });
    // Next reads the nonce from the request.
    req.headers["content-security-policy"] = policy;
    res.setHeader("content-security-policy", policy);
    return answer(req, res);
  };
  const hotReload: UpgradeRoute = {
    prefix: "/_next/hmr",
    handle(req, socket, head) {
      // Nobody listens before the first page was asked for.
      if (!nextsOwn.emit("upgrade", req, socket, head)) socket.destroy();
    },
  };
  return {
    routes: [
      { prefix: "/", handle },
      ...(opts.dev ? [] : [createStaticRoute(opts.dir, handle)]),
      {
        prefix: "/api/auth",
        hasOwnCsrfToken: true,
        maxBodyBytes: MAX_AUTH_BODY_BYTES,
        handle,
      },
    ],
    upgrades: opts.dev ? [hotReload] : [],
    close: () => app.close(),
  };
}

function createStaticRoute(dir: string, otherwise: RequestHandler): RequestRoute {
  const prefix = "/_next/static";
  return { prefix, handle: createCompressedFiles({ folder: join(dir, ".next/static"), prefix, otherwise }) };
}
