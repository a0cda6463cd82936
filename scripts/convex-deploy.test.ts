import { generateKeyPairSync } from "node:crypto";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { signingKeyOf, jwksUri } from "../src/server/mirror/signing-key";
import { deploymentOf, jwksOfKey, trustOf } from "./convex-deploy.mjs";

describe("npm run convex:deploy", () => {
  it("says where it goes, or which variable is missing", () => {
    expect(deploymentOf({ CONVEX_DEPLOY_KEY: "prod:x|y" })).toBe("Convex Cloud");
    const own = { CONVEX_SELF_HOSTED_URL: "http://127.0.0.1:3210", CONVEX_SELF_HOSTED_ADMIN_KEY: "k" };
    expect(deploymentOf(own)).toBe("http://127.0.0.1:3210");
    expect(() => deploymentOf({})).toThrow("CONVEX_DEPLOY_KEY");
    expect(() => deploymentOf({ CONVEX_SELF_HOSTED_URL: "http://127.0.0.1:3210" })).toThrow("ADMIN_KEY");
    expect(() => deploymentOf({ ...own, CONVEX_DEPLOY_KEY: "prod:x|y" })).toThrow("unset one");
  });

  it("reads what the installation prints, and nothing else", () => {
    const jwks = "data:text/plain;charset=utf-8;base64,e30=";
    expect(trustOf(`OPENAGENT_ISSUER=https://a.example.test\nOPENAGENT_JWKS=${jwks}\n`)).toEqual({
      issuer: "https://a.example.test",
      jwks,
    });
    expect(() => trustOf("OPENAGENT_ISSUER=https://a.example.test\n")).toThrow("npm run up");
  });

  it("gives a key's JWKS as the server does", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(jwksOfKey(pem)).toBe(jwksUri(signingKeyOf(privateKey).jwks));
  });

  it("ends with a sentence and without a stack when nothing says where to deploy", async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "convex-deploy.mjs")], {
      env: { NODE_ENV: "test", PATH: process.env.PATH },
    });
    let told = "";
    child.stderr.on("data", (chunk: Buffer) => (told += chunk.toString()));
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(code).toBe(1);
    expect(told).toContain("docs/convex.md");
    expect(told).not.toContain("    at ");
  });
});
