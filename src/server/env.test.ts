import { describe, expect, it } from "vitest";
import { EnvironmentError, parseEnvironment, requireServable } from "./env";

const complaint = (variables: Record<string, string>): string => {
  try {
    parseEnvironment(variables, "/srv/openagent");
  } catch (error) {
    if (error instanceof EnvironmentError) return error.message;
    throw error;
  }
  return "";
};

describe("parseEnvironment", () => {
  it("has a default for everything, and takes a variable that is set to nothing as not set", () => {
    const env = parseEnvironment({ PORT: "", OPENAGENT_URL: "" }, "/srv/openagent");
    expect(env).toMatchObject({
      mode: "production",
      port: 3000,
      host: "127.0.0.1",
      publicUrl: null,
      dataDir: "/srv/openagent/data",
      masterKeyFile: "/srv/openagent/data/master.key",
      dockerSocket: "/var/run/docker.sock",
      allowPrivate: [],
      convexUrl: null,
      liveTokenSeconds: 300,
      metricsToken: null,
    });
  });

  it("takes a token for the metrics that nobody guesses, and no other", () => {
    const token = "0123456789abcdef0123456789abcdef";
    expect(parseEnvironment({ OPENAGENT_METRICS_TOKEN: token }, "/").metricsToken).toBe(token);
    for (const bad of [token.slice(1), `${token} x`, "x".repeat(257)])
      expect(complaint({ OPENAGENT_METRICS_TOKEN: bad })).toMatch(
        /^OPENAGENT_METRICS_TOKEN must be 32 to 256/,
      );
  });

  it("names installations by their data directory unless told", () => {
    const nameOf = (dir: string) => parseEnvironment({ OPENAGENT_DATA_DIR: dir }, "/").instance;
    expect(nameOf("/a")).toMatch(/^oa-[0-9a-f]{6}$/);
    expect(nameOf("/a")).toBe(nameOf("/x/../a"));
    expect(nameOf("/a")).not.toBe(nameOf("/b"));
    expect(parseEnvironment({ OPENAGENT_INSTANCE: "blue" }, "/").instance).toBe("blue");
  });

  it("makes backups by the clock only when told where and under which passphrase", () => {
    const passphrase = { OPENAGENT_BACKUP_PASSPHRASE: "five words picked by chance" };
    expect(parseEnvironment(passphrase, "/").backups).toBeNull();
    expect(parseEnvironment({ ...passphrase, OPENAGENT_BACKUP_DIR: "b" }, "/srv").backups).toEqual({
      dir: "/srv/b",
      everyMs: 60 * 60_000,
      keep: 24,
      passphrase: passphrase.OPENAGENT_BACKUP_PASSPHRASE,
    });
    expect(complaint({ OPENAGENT_BACKUP_DIR: "b" })).toMatch(/OPENAGENT_BACKUP_PASSPHRASE is missing/);
    expect(complaint({ OPENAGENT_BACKUP_EVERY_MINUTES: "5" })).toMatch(/OPENAGENT_BACKUP_DIR is missing/);
    expect(complaint({ ...passphrase, OPENAGENT_BACKUP_KEEP: "0" })).toMatch(/OPENAGENT_BACKUP_KEEP must be/);
    expect(complaint({ OPENAGENT_BACKUP_PASSPHRASE: "short" })).toMatch(/at least 12 characters/);
  });

  it("knows the sign-ins elsewhere that are set up whole, and says which variable is missing", () => {
    const github = { GITHUB_ID: "a", GITHUB_SECRET: "b" };
    const oidc = { OIDC_ISSUER: "https://login.example.org/realm/", OIDC_ID: "c", OIDC_SECRET: "d" };
    expect(parseEnvironment({}, "/").identityProviders).toEqual([]);
    expect(parseEnvironment({ ...github, ...oidc }, "/").identityProviders).toMatchObject([
      { id: "github", name: "GitHub", issuer: "https://github.com", clientId: "a", clientSecret: "b" },
      { id: "oidc", name: "OpenID", issuer: "https://login.example.org/realm", trustsEmails: false },
    ]);
    expect(complaint({ GITHUB_ID: "a" })).toMatch(/GITHUB_SECRET/);
    expect(complaint({ ...oidc, OIDC_ID: "" })).toMatch(/OIDC_ID/);
    const everybody = { ...oidc, OIDC_ISSUER: "https://login.microsoftonline.com/common/v2.0" };
    expect(complaint(everybody)).toBe("");
    expect(complaint({ ...everybody, OIDC_TRUST_EMAIL: "true" })).toMatch(/OIDC_TRUST_EMAIL/);
    expect(complaint({ ...oidc, OIDC_ISSUER: "http://login.example.org" })).toMatch(
      /OIDC_ISSUER must be an https/,
    );
  });

  it.each([
    ["PORT", "0"],
    ["PORT", "http"],
    ["OPENAGENT_URL", "agents.example.org"],
    ["OPENAGENT_URL", "https://agents.example.org/path"],
    ["OPENAGENT_URL", "ftp://agents.example.org"],
    ["OPENAGENT_INSTANCE", "Blue_1"],
    ["OPENAGENT_ALLOW_PRIVATE", "ollama"],
    ["DOCKER_HOST", "tcp://192.0.2.1:2375"],
    ["DOCKER_HOST", "unix://relative.sock"],
    ["OPENAGENT_DISK_HIGH_WATER", "0"],
    ["OPENAGENT_DISK_HIGH_WATER", "101"],
    ["OPENAGENT_LIVE_TOKEN_SECONDS", "10"],
    ["OPENAGENT_LIVE_TOKEN_SECONDS", "3601"],
    ["CONVEX_URL", "happy-animal-123.convex.cloud"],
    ["CONVEX_URL", "https://happy-animal-123.convex.cloud/api"],
    ["NODE_ENV", "prod"],
  ])("refuses %s=%s and names the variable once", (name, value) => {
    expect(complaint({ [name]: value })).toMatch(new RegExp(`^${name} must .*\\.$`));
  });

  it("names everything that is wrong at once", () => {
    expect(complaint({ PORT: "x", DOCKER_HOST: "tcp://x" }).split("\n")).toHaveLength(2);
  });
});

describe("requireServable", () => {
  const servable = (variables: Record<string, string>) =>
    requireServable(parseEnvironment({ OPENAGENT_SESSION_IMAGE: "image:1", ...variables }, "/"));

  it.each(["192.0.2.7", "agents.example.org"])("refuses HOST=%s unless OPENAGENT_URL is set", (HOST) => {
    expect(() => servable({ HOST })).toThrow(EnvironmentError);
    expect(() => servable({ HOST })).toThrow(/nobody could open the server/);
    expect(servable({ HOST, OPENAGENT_URL: "http://agents.example.org" }).host).toBe(HOST);
  });

  it.each(["127.0.0.1", "0.0.0.0", "::", "localhost"])("takes HOST=%s by both loopback names", (HOST) => {
    expect(servable({ HOST }).publicUrl).toBeNull();
  });

  it("goes by that address on ::1, where 127.0.0.1 does not lead", () => {
    expect(servable({ HOST: "::1", PORT: "8080" }).publicUrl?.origin).toBe("http://[::1]:8080");
  });

  it("refuses production without an image, which commands do without", () => {
    const env = parseEnvironment({}, "/");
    expect(() => requireServable(env)).toThrow(/^OPENAGENT_SESSION_IMAGE must name/);
    expect(requireServable({ ...env, mode: "development" }).sessionImage).toBeNull();
  });
});
