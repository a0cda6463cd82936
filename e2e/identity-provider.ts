/** A login elsewhere for tests, on loopback: an OpenID provider and GitHub's three calls. It asks nobody anything. */
import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

export interface IdentityProviderStandIn {
  url: string;
  /** Who signs in there next. */
  person: { id: number; email: string; verified: boolean };
  /** Set by the test: OpenID tokens then name another client than the one that asked. */
  wrongAudience: boolean;
  /** When not null: answers are kept here and do not go to the browser. */
  held: string[] | null;
  close(): Promise<void>;
}

export const CLIENT = { id: "openagent", secret: "stand-in-secret" };

interface Grant {
  nonce: string | null;
  challenge: string | null;
}

export async function startIdentityProvider(): Promise<IdentityProviderStandIn> {
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "1", alg: "RS256", use: "sig" }] };
  const grants = new Map<string, Grant>();
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const standIn: IdentityProviderStandIn = {
    url,
    person: { id: 1, email: "nobody@example.test", verified: true },
    wrongAudience: false,
    held: null,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };

  const idToken = (nonce: string | null) => {
    const { id, email, verified } = standIn.person;
    return new SignJWT({ email, email_verified: verified, ...(nonce !== null && { nonce }) })
      .setProtectedHeader({ alg: "RS256", kid: "1" })
      .setIssuer(url)
      .setSubject(String(id))
      .setAudience(standIn.wrongAudience ? "somebody-else" : CLIENT.id)
      .setIssuedAt()
      .setExpirationTime("5 minutes")
      .sign(privateKey);
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", url);
    const json = (body: unknown) =>
      response.setHeader("content-type", "application/json").end(JSON.stringify(body));
    switch (pathname) {
      case "/.well-known/openid-configuration":
        return void json({
          issuer: url,
          authorization_endpoint: `${url}/authorize`,
          token_endpoint: `${url}/token`,
          jwks_uri: `${url}/jwks`,
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["RS256"],
        });
      case "/jwks":
        return void json(jwks);
      case "/authorize":
      case "/login/oauth/authorize": {
        const code = randomUUID();
        grants.set(code, { nonce: searchParams.get("nonce"), challenge: searchParams.get("code_challenge") });
        const back = new URL(searchParams.get("redirect_uri") ?? "");
        back.searchParams.set("code", code);
        back.searchParams.set("state", searchParams.get("state") ?? "");
        standIn.held?.push(back.href);
        if (standIn.held !== null) return void response.end("held");
        return void response.writeHead(302, { location: back.href }).end();
      }
      case "/token":
      case "/login/oauth/access_token": {
        const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
        const grant = grants.get(form.get("code") ?? "");
        grants.delete(form.get("code") ?? "");
        const verifier = createHash("sha256").update(form.get("code_verifier") ?? "");
        if (!grant || verifier.digest("base64url") !== grant.challenge)
          return void response.writeHead(400).end();
        const isOpenId = pathname === "/token";
        return void json({
          access_token: "stand-in-access",
          token_type: "bearer",
          ...(isOpenId && { id_token: await idToken(grant.nonce) }),
        });
      }
      case "/api/v3/user":
        return void json({ id: standIn.person.id, login: "whoever" });
      case "/api/v3/user/emails": {
        const { email, verified } = standIn.person;
        return void json([
          { email: "other@example.test", primary: false, verified: true },
          { email, primary: true, verified },
        ]);
      }
      default:
        return void response.writeHead(404).end();
    }
  }
  return standIn;
}
