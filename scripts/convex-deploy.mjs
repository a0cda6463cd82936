/**
 * `npm run convex:deploy`: makes a Convex elsewhere the one that browsers watch: tells it whose tokens to believe, then
 * sends the functions of convex/. Safe to run again, and needed after every update of OpenAgent and every change of its
 * address.
 *
 *   CONVEX_DEPLOY_KEY                                            Convex Cloud
 *   CONVEX_SELF_HOSTED_URL and CONVEX_SELF_HOSTED_ADMIN_KEY      a backend of one's own
 *
 * With `--key-file FILE --issuer ORIGIN` the tokens are those of that key (PEM, P-256) and not of this installation: for the
 * contract suite.
 */
import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nodeProgram, ROOT } from "./lib/environment.mjs";
import { runCommand, SetupError } from "./lib/setup-error.mjs";
import { runProgram, say, step } from "./lib/steps.mjs";

/**
 * @param {Record<string, string | undefined>} env
 * @returns {string} where it goes, for people
 * @throws {SetupError} when the variables do not say it
 */
export function deploymentOf(env) {
  const { CONVEX_DEPLOY_KEY, CONVEX_SELF_HOSTED_URL, CONVEX_SELF_HOSTED_ADMIN_KEY } = env;
  const selfHosted = [CONVEX_SELF_HOSTED_URL, CONVEX_SELF_HOSTED_ADMIN_KEY].filter(Boolean).length;
  if (CONVEX_DEPLOY_KEY && selfHosted > 0)
    throw new SetupError(
      "CONVEX_DEPLOY_KEY is for Convex Cloud and CONVEX_SELF_HOSTED_… for a backend of your own: unset one of them.",
    );
  if (CONVEX_DEPLOY_KEY) return "Convex Cloud";
  if (CONVEX_SELF_HOSTED_URL && selfHosted === 2) return CONVEX_SELF_HOSTED_URL;
  if (selfHosted === 1)
    throw new SetupError(
      "A backend of your own needs both CONVEX_SELF_HOSTED_URL and CONVEX_SELF_HOSTED_ADMIN_KEY; docs/convex.md says where they come from.",
    );
  throw new SetupError(
    "Say where to deploy: set CONVEX_DEPLOY_KEY for Convex Cloud, or CONVEX_SELF_HOSTED_URL and CONVEX_SELF_HOSTED_ADMIN_KEY for a backend of your own. docs/convex.md has the steps.",
  );
}

/**
 * What `npm run admin -- convex jwks` prints.
 * @param {string} text
 * @throws {SetupError} when it holds something else
 */
export function trustOf(text) {
  const valueOf = (/** @type {string} */ name) => new RegExp(`^${name}=(.+)$`, "m").exec(text)?.[1]?.trim();
  const [issuer, jwks] = [valueOf("OPENAGENT_ISSUER"), valueOf("OPENAGENT_JWKS")];
  if (!issuer || !jwks)
    throw new SetupError(
      'This installation does not say what its tokens look like. Run "npm run up" once, then this again.',
      text,
    );
  return { issuer, jwks };
}

/**
 * @param {string} pem a private or public key of the curve P-256
 * @returns {string} its JWKS as a data URI
 */
export function jwksOfKey(pem) {
  const { x, y } = createPublicKey(pem).export({ format: "jwk" });
  // RFC 7638, as in src/server/mirror/signing-key.ts.
  const kid = createHash("sha256")
    .update(JSON.stringify({ crv: "P-256", kty: "EC", x, y }))
    .digest("base64url");
  const jwks = { keys: [{ kty: "EC", crv: "P-256", x, y, kid, alg: "ES256", use: "sig" }] };
  return `data:text/plain;charset=utf-8;base64,${Buffer.from(JSON.stringify(jwks)).toString("base64")}`;
}

/** @param {{ "key-file"?: string | undefined, issuer?: string | undefined }} options */
async function trusted(options) {
  const { "key-file": file, issuer } = options;
  if (file && issuer) return { issuer, jwks: jwksOfKey(readFileSync(file, "utf8")) };
  if (file || issuer) throw new SetupError("--key-file and --issuer go together.");
  return trustOf(
    await runProgram(nodeProgram(), ["--import", "tsx", "src/server/cli/admin.ts", "convex", "jwks"], {
      cwd: ROOT,
      failure: "This installation's keys could not be read.",
    }),
  );
}

/** @param {string[]} args */
async function convex(args) {
  await runProgram(nodeProgram(), [join(ROOT, "node_modules/convex/bin/main.js"), ...args], {
    cwd: ROOT,
    env: process.env,
    show: "everything",
    failure: "Convex did not take it: its lines are above. Check address and key, then run this again.",
  });
}

async function main() {
  const { values } = parseArgs({ options: { "key-file": { type: "string" }, issuer: { type: "string" } } });
  const where = deploymentOf(process.env);
  const { issuer, jwks } = await trusted(values);
  await step(`tokens of ${issuer}`, async () => {
    await convex(["env", "set", "OPENAGENT_ISSUER", issuer, "--force"]);
    await convex(["env", "set", "OPENAGENT_JWKS", jwks, "--force"]);
  });
  await step(`functions to ${where}`, () =>
    convex(["deploy", "--yes", "--codegen", "disable", "--typecheck", "disable"]),
  );
  say(
    `Done. Set CONVEX_URL to the deployment's address and restart the server: "npm run down", "npm run up".`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runCommand(main);
