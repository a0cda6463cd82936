import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { z } from "zod";
import type { Database, Store } from "../db/database";
import { installationValue, setInstallationValue } from "../db/installation-value";
import type { SecretBox } from "../keys/secret-box";
import { MIRROR_KEY, MIRROR_KEY_OWNER } from "../keys/sealed-records";
import type { Logger } from "../log";

/** Beside the key, which is sealed: what verifies its signatures, for whoever deploys. */
const MIRROR_JWKS = "mirrorJwks";

/** The public half, as RFC 7517 writes it. */
const publicJwk = z.object({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
  alg: z.literal("ES256"),
  use: z.literal("sig"),
});
const jwksShape = z.object({ keys: z.array(publicJwk).min(1) });
export type Jwks = z.infer<typeof jwksShape>;

/** Signs the tokens by which browsers and this server prove to Convex who they are. ES256. */
export interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  jwks: Jwks;
}

interface Deps {
  db: Database;
  box: SecretBox;
  log: Pick<Logger, "warn">;
}

/**
 * Made at the first start. One that does not open, as after the loss of the master key, is replaced: tokens live minutes,
 * and a Convex elsewhere is told of the new one by `npm run convex:deploy`.
 */
export function loadSigningKey(deps: Deps): SigningKey {
  const key = signingKeyOf(createPrivateKey(storedKey(deps) ?? makeKey(deps)));
  setInstallationValue(deps.db, MIRROR_JWKS, JSON.stringify(key.jwks));
  return key;
}

/** @param privateKey of the curve P-256 */
export function signingKeyOf(privateKey: KeyObject): SigningKey {
  const jwk = publicJwkOf(privateKey);
  return { kid: jwk.kid, privateKey, jwks: { keys: [jwk] } };
}

/** What verifies this installation's tokens; null before its first start. */
export function storedJwks(store: Store): Jwks | null {
  const value = installationValue(store, MIRROR_JWKS);
  return value === null ? null : jwksShape.parse(JSON.parse(value));
}

/** As Convex takes it without having to reach this server. */
export function jwksUri(jwks: Jwks): string {
  return `data:text/plain;charset=utf-8;base64,${Buffer.from(JSON.stringify(jwks)).toString("base64")}`;
}

function storedKey({ db, box, log }: Deps): string | null {
  const sealed = installationValue(db, MIRROR_KEY);
  if (sealed === null) return null;
  try {
    return box.open(sealed, MIRROR_KEY_OWNER);
  } catch (err) {
    log.warn({ err }, "the key of Convex tokens does not open; another one is made");
    return null;
  }
}

function makeKey({ db, box }: Deps): string {
  const { privateKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  setInstallationValue(db, MIRROR_KEY, box.seal(privateKey, MIRROR_KEY_OWNER));
  return privateKey;
}

function publicJwkOf(privateKey: KeyObject): z.infer<typeof publicJwk> {
  const { x, y } = z
    .object({ x: z.string(), y: z.string() })
    .parse(createPublicKey(privateKey).export({ format: "jwk" }));
  // RFC 7638: the members that are needed, in this order.
  const kid = createHash("sha256")
    .update(JSON.stringify({ crv: "P-256", kty: "EC", x, y }))
    .digest("base64url");
  return { kty: "EC", crv: "P-256", x, y, kid, alg: "ES256", use: "sig" };
}
