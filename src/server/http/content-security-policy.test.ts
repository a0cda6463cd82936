import { describe, expect, it } from "vitest";
import { contentSecurityPolicy } from "./content-security-policy";

const facts = { nonce: "bm9uY2U=", host: "127.0.0.1:3000", connectTo: [], dev: false };

const directive = (policy: string, name: string) =>
  policy
    .split("; ")
    .find((part) => part.startsWith(`${name} `))
    ?.slice(name.length + 1);

describe("the policy of pages", () => {
  it("lets scripts run by the nonce alone, and loads nothing that is not named", () => {
    const policy = contentSecurityPolicy(facts);
    expect(directive(policy, "script-src")).toBe("'nonce-bm9uY2U=' 'strict-dynamic'");
    expect(directive(policy, "default-src")).toBe("'none'");
    for (const name of ["frame-ancestors", "base-uri", "object-src"])
      expect(directive(policy, name), name).toBe("'none'");
    expect(directive(policy, "form-action")).toBe("'self'");
  });

  it("connects to this server alone, by sockets too", () => {
    expect(directive(contentSecurityPolicy(facts), "connect-src")).toBe(
      "'self' ws://127.0.0.1:3000 wss://127.0.0.1:3000",
    );
  });

  it("connects to what is named beside it, each with its socket", () => {
    const connectTo = [new URL("https://happy-cat-1.convex.cloud/x"), new URL("http://10.0.0.2:3210")];
    expect(directive(contentSecurityPolicy({ ...facts, connectTo }), "connect-src")).toMatch(
      / https:\/\/happy-cat-1\.convex\.cloud wss:\/\/happy-cat-1\.convex\.cloud http:\/\/10\.0\.0\.2:3210 ws:\/\/10\.0\.0\.2:3210$/,
    );
  });

  it("lets scripts be made from text in development alone", () => {
    expect(contentSecurityPolicy(facts)).not.toContain("unsafe-eval");
    expect(contentSecurityPolicy({ ...facts, dev: true })).toContain("'unsafe-eval'");
  });
});
