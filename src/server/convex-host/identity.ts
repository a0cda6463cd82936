import type { JSONValue } from "convex/values";
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet, type JWTPayload } from "jose";
import { HostError } from "./host-error";
import { jsonSchema } from "./values";

/** Who calls, as functions see it: subject, issuer, and the token's own claims. */
export type Identity = { tokenIdentifier: string; subject: string; issuer: string } & Record<
  string,
  JSONValue
>;

export interface VerifiedToken {
  identity: Identity;
  /** The same text for the same identity. */
  identityKey: string;
  /** After this the token is worth nothing, leeway included. */
  expiresAtMs: number;
}

export interface AuthConfig {
  issuer: string;
  applicationID: string;
  algorithm: "ES256" | "RS256";
  jwks: JSONWebKeySet;
}

const LEEWAY_SECONDS = 5;
const REGISTERED = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]);

/** Of tokens that were verified: who writes sends the same one with every batch. */
const KEPT_TOKENS = 100;

/** @returns a function that throws HostError `unauthenticated` */
export function createTokenVerifier(config: AuthConfig): (token: string) => Promise<VerifiedToken> {
  const verify = createVerifier(config);
  const verified = new Map<string, VerifiedToken>();
  return async (token) => {
    const known = verified.get(token);
    if (known !== undefined && Date.now() < known.expiresAtMs) return known;
    verified.delete(token);
    const fresh = await verify(token);
    verified.set(token, fresh);
    const [oldest] = verified.keys();
    if (verified.size > KEPT_TOKENS && oldest !== undefined) verified.delete(oldest);
    return fresh;
  };
}

function createVerifier(config: AuthConfig): (token: string) => Promise<VerifiedToken> {
  const keys = createLocalJWKSet(config.jwks);
  return async (token) => {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: [config.algorithm],
      issuer: config.issuer,
      audience: config.applicationID,
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ["sub", "exp"],
    }).catch((cause: unknown) => {
      const why = cause instanceof errors.JOSEError ? cause.code : "it cannot be read";
      throw new HostError("unauthenticated", `Could not verify the token (${why}). Fetch a new one.`, {
        cause,
      });
    });
    const identity = identityOf(payload, config.issuer);
    return {
      identity,
      identityKey: JSON.stringify(Object.entries(identity).sort(([a], [b]) => (a < b ? -1 : 1))),
      expiresAtMs: ((payload.exp ?? 0) + LEEWAY_SECONDS) * 1000,
    };
  };
}

function identityOf(payload: JWTPayload, issuer: string): Identity {
  const subject = payload.sub ?? "";
  const claims = Object.entries(payload).filter(([name]) => !REGISTERED.has(name));
  const own = claims.flatMap(([name, value]) => flatten(name, jsonSchema.parse(value)));
  return { ...Object.fromEntries(own), tokenIdentifier: `${issuer}|${subject}`, subject, issuer };
}

/** `{a: {b: 1}}` becomes `a.b: 1`. */
function flatten(name: string, value: JSONValue): [string, JSONValue][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[name, value]];
  return Object.entries(value).flatMap(([inner, item]) => flatten(`${name}.${inner}`, item));
}
