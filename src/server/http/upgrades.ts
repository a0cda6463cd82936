import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { AppError } from "../errors";
import type { Logger } from "../log";
import { isUnder, requireOriginForm } from "./dispatcher";
import type { Origins } from "./origins";
import { httpStatusOf, refuseUpgrade } from "./refuse";

export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface UpgradeRoute {
  /** Such as `/socket.io`; no slash at the end. */
  prefix: string;
  handle: UpgradeHandler;
}

/** Every upgrade enters here; what is not in the table is refused, so no library's listener answers by accident. */
export function createUpgradeDispatcher(deps: {
  routes: readonly UpgradeRoute[];
  origins: Origins;
  log: Logger;
}) {
  return (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Without a listener a peer that hangs up would end the process.
    socket.on("error", (error) => deps.log.debug({ err: error }, "upgraded socket failed"));
    try {
      const pathname = requireOriginForm(req.url);
      deps.origins.requireOurHost(req.headers.host, { loopbackToo: false });
      deps.origins.requireOurOrigin({ method: req.method ?? "GET", headers: req.headers, isUpgrade: true });
      const route = deps.routes.find(({ prefix }) => isUnder(pathname, prefix));
      if (route === undefined)
        throw new AppError("NOT_FOUND", "not_found", "There is no socket at this address.");
      route.handle(req, socket, head);
    } catch (error) {
      const known = error instanceof AppError;
      if (!known) deps.log.error({ err: error }, "upgrade failed");
      refuseUpgrade(
        socket,
        known ? httpStatusOf(error) : 500,
        known ? error.message : "Something went wrong here.",
      );
    }
  };
}
