import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connectDockerDriver } from "../drivers/docker/connect";
import type { Driver } from "../drivers/driver";
import type { EgressGate } from "./egress/egress-gate";
import { createEgressProxy } from "./egress/egress-proxy";
import type { Environment } from "./env";
import type { Logger } from "./log";
import { PROVIDER_AUTH } from "./models/provider-auth";

export interface Engine {
  driver: Driver;
  egress: EgressGate;
}

/** The engine's driver alone, for commands. */
export function composeDriver({ env, root }: { env: Environment; root: string }): Driver {
  return connectDockerDriver({
    socketPath: env.dockerSocket,
    instance: env.instance,
    runDir: join(env.dataDir, "run"),
    seccompProfile: readFileSync(join(root, "docker/seccomp.json"), "utf8"),
  });
}

/** What sessions run on: the engine's driver, and each instance's way out. */
export function composeEngine(deps: { env: Environment; root: string; log: Logger }): Engine {
  const { env, log } = deps;
  const driver = composeDriver(deps);
  const proxy = createEgressProxy({ allowPrivate: env.allowPrivate, log });
  // Providers' hosts answer to keys, which the sidecar alone holds; an agent with a key of its own gets no short cut.
  const onlyMarked = new Set(Object.values(PROVIDER_AUTH).map(({ baseUrl }) => new URL(baseUrl).hostname));
  const egress: EgressGate = {
    listen: (socketPath, session) =>
      proxy.listen(socketPath, { ...session, policy: () => ({ kind: "public" }), onlyMarked }),
  };
  return { driver, egress };
}
