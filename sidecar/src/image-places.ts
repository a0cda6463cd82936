/** Fixed places inside the session image. */

export const PATHS = {
  /** Bind mount of the host's run/<instance> directory. */
  run: "/run/openagent",
  sidecarSocket: "/run/openagent/sidecar.sock",
  egressSocket: "/run/openagent/egress.sock",
  /** Volume, uid 1000. */
  workspace: "/workspace",
  /** Volume: spool (uid 900, 0700) and opencode's data (uid 1000, 0700). */
  spool: "/state/spool",
  agentData: "/state/agent",
  /** A small tmpfs of the sidecar's uid: /tmp is the agent's, who may fill it. */
  config: "/opt/openagent/config",
  /** Read-only in the image. */
  modelsFile: "/opt/openagent/models.json",
  opencode: "/opt/openagent/bin/opencode",
  node: "/usr/local/bin/node",
} as const;

/** Loopback ports inside the container. */
export const PORTS = {
  /** Forwarder to egress.sock, what HTTP_PROXY names. */
  egressForwarder: 3128,
  /** Credential proxy: `http://127.0.0.1:3129/<providerId>/…`. */
  credentialProxy: 3129,
  /** opencode serve. */
  opencode: 4096,
} as const;

export const SIDECAR_UID = 900;
export const AGENT_UID = 1000;
/**
 * A supplementary group that opens nothing (Debian's `users`): it marks what people start in terminals, as the agent's own
 * processes have none and cannot take one.
 */
export const TERMINAL_GID = 100;
