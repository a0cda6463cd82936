/** Set by the bundler's `define`; absent when the sources run unbundled, as in tests. */
declare const OPENAGENT_SIDECAR_VERSION: string | undefined;

/** Version of this sidecar, told at registration and in health. */
export const SIDECAR_VERSION =
  typeof OPENAGENT_SIDECAR_VERSION === "string" ? OPENAGENT_SIDECAR_VERSION : "0.0.0-source";
