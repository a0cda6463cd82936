import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { imageConfig } from "../config";
import type { AgentSettings, ProviderCredential } from "../protocol";
import { ConfigFile, renderOpencodeConfig } from "./config-file";
import { opencodeEnvironment } from "./environment";

const settings: AgentSettings = {
  model: { providerId: "acme", modelId: "big" },
  agent: "build",
  permissionMode: "ask",
  title: "t",
};
const provider: ProviderCredential = {
  providerId: "acme",
  baseUrl: "https://api.acme.example/v1",
  auth: { kind: "bearer" },
  key: "sk-very-secret",
  npm: "@ai-sdk/anthropic",
  name: "Acme",
  models: [
    {
      id: "big",
      name: "Big",
      toolCall: true,
      reasoning: true,
      attachment: false,
      contextTokens: 100_000,
      outputTokens: 4000,
      price: { input: 1, output: 2, cacheRead: 0.1, cacheWrite: 0.2 },
    },
  ],
};
const render = (change: Partial<AgentSettings> = {}, providers = [provider]) =>
  renderOpencodeConfig({ providers, settings: { ...settings, ...change }, credentialProxyPort: 3129 });

describe("opencode's configuration", () => {
  it("names the credential proxy and no key and no provider's address", () => {
    const text = render();
    expect(text).not.toContain("sk-very-secret");
    expect(text).not.toContain("acme.example");
    expect(JSON.parse(text)).toMatchObject({
      share: "disabled",
      autoupdate: false,
      model: "acme/big",
      small_model: "acme/big",
      enabled_providers: ["demo", "acme"],
      provider: {
        acme: {
          npm: "@ai-sdk/anthropic",
          options: { baseURL: "http://127.0.0.1:3129/acme", apiKey: "oa-managed" },
          models: {
            big: {
              limit: { context: 100_000, output: 4000 },
              cost: { input: 1, output: 2, cache_read: 0.1, cache_write: 0.2 },
            },
          },
        },
        demo: { options: { baseURL: "http://127.0.0.1:3129/demo/v1" } },
      },
    });
  });

  it("lets nobody else take the demo model's place", () => {
    const text = render({}, [{ ...provider, providerId: "demo" }]);
    expect(JSON.parse(text)).toMatchObject({
      enabled_providers: ["demo"],
      provider: { demo: { name: "Demo" } },
    });
  });

  it.each([
    ["ask", { edit: "ask", bash: "ask", webfetch: "ask", external_directory: "ask" }],
    ["edits", { edit: "allow", bash: "ask", webfetch: "ask", external_directory: "ask" }],
    ["auto", { edit: "allow", bash: "allow", webfetch: "allow", external_directory: "allow" }],
  ] as const)("maps the permission mode %s", (permissionMode, permission) => {
    expect((JSON.parse(render({ permissionMode })) as { permission: unknown }).permission).toEqual(
      permission,
    );
  });
});

describe("the file", () => {
  let parent: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "openagent-config-test-"));
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  it("can be read by the agent and written by nobody else, and is replaced whole", async () => {
    const file = await ConfigFile.create(parent);
    expect(await file.write("one")).toBe(true);
    expect(await file.write("one")).toBe(false);
    expect(await file.write("two")).toBe(true);
    expect(await readFile(file.path, "utf8")).toBe("two");
    expect((await stat(file.path)).mode & 0o777).toBe(0o644);
    expect((await stat(file.dir)).mode & 0o777).toBe(0o755);
    await file.remove();
    await expect(stat(file.dir)).rejects.toThrow("ENOENT");
  });
});

describe("a configuration file that cannot be written", () => {
  it("is told as a sentence, and written when it can be", async () => {
    const parent = await mkdtemp(join(tmpdir(), "openagent-config-test-"));
    const file = await ConfigFile.create(parent);
    await file.write("one");
    // Also root cannot write to a directory.
    await mkdir(`${file.path}.next`);
    const refused = { code: "internal", message: expect.stringContaining("restart the session") as string };
    await expect(file.write("two")).rejects.toMatchObject(refused);
    expect(await readFile(file.path, "utf8")).toBe("one");
    await rm(`${file.path}.next`, { recursive: true });
    expect(await file.write("two")).toBe(true);
    await rm(parent, { recursive: true, force: true });
  });
});

describe("the agent's environment", () => {
  it("has only what is listed: nothing of the sidecar's own but the image's certificate bundles", () => {
    const config = imageConfig({
      SECRET_OF_THE_SIDECAR: "x",
      NODE_OPTIONS: "--inspect",
      SSL_CERT_FILE: "/etc/ca.pem",
      PATH: "/evil",
    });
    const environment = opencodeEnvironment(config, { configFile: "/tmp/c/opencode.json", password: "pw" });
    expect(JSON.stringify(environment)).not.toMatch(/SECRET_OF_THE_SIDECAR|inspect|evil/);
    expect(environment).toMatchObject({
      SSL_CERT_FILE: "/etc/ca.pem",
      HTTP_PROXY: "http://127.0.0.1:3128",
      https_proxy: "http://127.0.0.1:3128",
      NO_PROXY: "127.0.0.1,localhost,::1",
      OPENCODE_CONFIG: "/tmp/c/opencode.json",
      OPENCODE_DISABLE_PROJECT_CONFIG: "1",
      OPENCODE_PURE: "1",
    });
    expect(environment).not.toHaveProperty("OPENCODE_CONFIG_CONTENT");
  });

  it("starts every program of the agent through setpriv, with all rights gone", () => {
    const config = imageConfig({});
    expect(config.agentPrefix).toEqual([
      "setpriv",
      "--reuid=1000",
      "--regid=1000",
      "--clear-groups",
      "--inh-caps=-all",
      "--ambient-caps=-all",
      "--",
    ]);
  });
});
