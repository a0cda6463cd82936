/** Convex gives this file alone an environment, at deployment. */
declare const process: { env: Record<string, string | undefined> };

/**
 * Whose tokens this deployment believes: those of one OpenAgent server. `npm run convex:deploy` sets both variables; the
 * keys are a data URI, so that Convex need not reach the server.
 */
export default {
  providers: [
    {
      type: "customJwt",
      applicationID: "openagent",
      issuer: process.env.OPENAGENT_ISSUER,
      jwks: process.env.OPENAGENT_JWKS,
      algorithm: "ES256",
    },
  ],
};
