/**
 * Where things stand and how the agent is started. The image's values are in {@link imageConfig}; tests pass others.
 */
import { z } from "zod";
import { AGENT_UID, PATHS, PORTS, TERMINAL_GID } from "./image-places";

export interface SidecarConfig {
  /** Unix socket that the server dials. */
  socketPath: string;
  egressSocket: string;
  spoolDir: string;
  /** Parent of the directory that holds opencode's configuration: the agent reads it and cannot replace it. */
  configParent: string;
  workspace: string;
  /** Home and data of the agent; owned by its uid. */
  agentHome: string;
  modelsFile: string;
  opencodeBin: string;
  /** Put before every command of the agent: drops to its uid. Empty when the sidecar itself runs as the agent, as in tests. */
  agentPrefix: readonly string[];
  /** The same for the shells of terminals, with the group that tells their processes from the agent's. */
  terminalPrefix: readonly string[];
  /** Whose left-over processes end with a turn; null leaves all alone. */
  agentUid: number | null;
  ports: { opencode: number; credentialProxy: number; egressForwarder: number };
  /** Variables of the image that the agent's programs need, such as the certificate bundles. */
  passedEnvironment: Readonly<Record<string, string>>;
  maxTerminals: number;
}

/** Certificate bundles of networks with an authority of their own; set in the image, no secrets. */
const PASSED_ON = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "LANG", "TZ"] as const;

/** No group but `group`, no inheritable and no ambient capability: nothing of the sidecar's rights is left. */
function dropTo(uid: number, group?: number): string[] {
  return [
    "setpriv",
    `--reuid=${uid}`,
    `--regid=${uid}`,
    group === undefined ? "--clear-groups" : `--groups=${group}`,
    "--inh-caps=-all",
    "--ambient-caps=-all",
    "--",
  ];
}

/** The configuration inside the session image. @param environment of the sidecar's own process */
export function imageConfig(environment: Readonly<Record<string, string | undefined>>): SidecarConfig {
  const passed = PASSED_ON.flatMap((name) => {
    const value = environment[name];
    return value ? [[name, value] as const] : [];
  });
  // An image for a server that itself runs as uid 1000 is built with another uid for the agent, and says so.
  const agentUid = z.coerce.number().int().min(1).default(AGENT_UID).parse(environment.OPENAGENT_AGENT_UID);
  return {
    socketPath: PATHS.sidecarSocket,
    egressSocket: PATHS.egressSocket,
    spoolDir: PATHS.spool,
    configParent: PATHS.config,
    workspace: PATHS.workspace,
    agentHome: PATHS.agentData,
    modelsFile: PATHS.modelsFile,
    opencodeBin: PATHS.opencode,
    agentPrefix: dropTo(agentUid),
    terminalPrefix: dropTo(agentUid, TERMINAL_GID),
    agentUid,
    ports: {
      opencode: PORTS.opencode,
      credentialProxy: PORTS.credentialProxy,
      egressForwarder: PORTS.egressForwarder,
    },
    passedEnvironment: Object.fromEntries(passed),
    maxTerminals: 16,
  };
}
