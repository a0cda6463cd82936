import { createApp } from "./app";
import type { SidecarConfig } from "./config";
import type { BootLine } from "./protocol";
import { createCredentialProxy } from "./credential-proxy/credential-proxy";
import { createDemoModel } from "./demo-model/demo-model";
import { startEgressForwarder } from "./egress-forwarder/egress-forwarder";
import { listenOnSocket } from "./http-server";
import { Instance } from "./instance";
import type { Log } from "./log";
import { Registration } from "./registration/registration";

/** How long an instance waits for its registration, from the boot line on. */
const REGISTER_WITHIN_MS = 60_000;

export interface SidecarOptions {
  config: SidecarConfig;
  boot: BootLine;
  version: string;
  log: Log;
  /** The process must end: nobody registered in time, or too many wrong messages came. */
  giveUp: (reason: string) => void;
}

/** Builds the sidecar and starts to listen. {@link close} by the caller. */
export async function startSidecar(options: SidecarOptions): Promise<{ close(): Promise<void> }> {
  const { config, boot, version, log } = options;
  const instance = new Instance({ config, boot, version, log });
  const registration = await Registration.create({
    boot,
    version,
    onRegistered: (payload) => instance.start(payload),
    onExhausted: () => options.giveUp("too many wrong registration messages"),
  });
  const proxy = createCredentialProxy({
    providers: () => instance.providers,
    demo: createDemoModel(),
    egress: { socketPath: config.egressSocket, secret: () => instance.egressSecret },
    log,
  });
  const [proxyServer, forwarder] = await Promise.all([
    proxy.listen(config.ports.credentialProxy),
    startEgressForwarder({ port: config.ports.egressForwarder, egressSocket: config.egressSocket }),
  ]);
  const server = await listenOnSocket(
    config.socketPath,
    createApp({ registration, instance, log }),
    instance,
  );
  await instance.warmUp();
  const timer = setTimeout(() => {
    if (!registration.done) options.giveUp("not registered in time");
  }, REGISTER_WITHIN_MS);
  log.info("listening", { instance: boot.instanceId, version });
  return {
    close: async () => {
      clearTimeout(timer);
      await instance.close();
      await Promise.all([server.close(), proxyServer.close(), forwarder.close()]);
    },
  };
}
