import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { providerCredential, type ProviderCredential } from "../../../sidecar/src/protocol";
import type { Caller } from "../auth/caller";
import { AppError } from "../errors";
import { bundledCatalog } from "./bundled-catalog";
import { createCatalog } from "./catalog";
import { DEMO_MODEL, demoCredential } from "./demo-provider";
import { createModels } from "./models";
import { PROVIDER_AUTH } from "./provider-auth";

const catalog = bundledCatalog();
const caller: Caller = {
  userId: "usr_1",
  email: "a@example.com",
  name: "A",
  role: "member",
  via: { kind: "browser", loginSessionId: "lgn_1" },
};

/** Models of somebody who has keys for these providers of the catalogue. */
function modelsWith(...providerIds: string[]) {
  const credentials = providerIds.map((id): ProviderCredential => {
    const provider = catalog.provider(id);
    const auth = PROVIDER_AUTH[id];
    if (provider === undefined || auth === undefined) throw new Error(`No provider ${id}`);
    return { ...provider, ...auth, providerId: id, models: [...provider.models], key: "k" };
  });
  return createModels({
    catalog,
    keys: { providersFor: () => credentials },
  });
}

describe("the bundled catalogue", () => {
  it("has an address and a kind of credential for each provider, and nothing else", () => {
    expect(catalog.providers.map((provider) => provider.id).sort()).toEqual(
      Object.keys(PROVIDER_AUTH).sort(),
    );
    for (const { baseUrl } of Object.values(PROVIDER_AUTH)) expect(baseUrl).toMatch(/^https:\/\/.*[^/]$/);
  });
  it("has models that can call tools, small enough to ship", () => {
    expect(catalog.providers.flatMap((provider) => provider.models).every((model) => model.toolCall)).toBe(
      true,
    );
    for (const provider of catalog.providers) expect(provider.models.length, provider.id).toBeGreaterThan(0);
    expect(statSync(join(import.meta.dirname, "snapshot.json")).size).toBeLessThan(300 * 1024);
  });
  it("refuses another shape", () => {
    expect(() => createCatalog({ anthropic: { id: "anthropic", models: [] } })).toThrow();
  });
});

describe("models", () => {
  it("always has the demo model, free, also in the shape of the wire", () => {
    const models = modelsWith();
    expect(models.available(caller)).toMatchObject([
      {
        providerId: "demo",
        models: [{ modelId: "demo-1", name: "Demo model (scripted, no AI)", usable: true }],
      },
    ]);
    expect(models.resolve("usr_1", DEMO_MODEL).price).toEqual({
      input: 0,
      output: 0,
      cacheRead: 0,
      cacheWrite: 0,
    });
    expect(providerCredential.parse(demoCredential())).toEqual(demoCredential());
  });
  it("lists every provider once in the catalogue, and says why one is not usable", () => {
    const listed = modelsWith("anthropic").catalog(caller);
    expect(listed).toHaveLength(catalog.providers.length + 1);
    expect(new Set(listed.map((provider) => provider.providerId)).size).toBe(listed.length);
    const byId = new Map(listed.map((provider) => [provider.providerId, provider]));
    expect(byId.get("anthropic")?.models[0]).toMatchObject({ usable: true });
    expect(byId.get("anthropic")?.models[0]?.why).toBeUndefined();
    expect(byId.get("openai")?.models[0]).toMatchObject({ usable: false });
    expect(byId.get("openai")?.models[0]?.why).toContain("There is no key for OpenAI");
    expect(
      modelsWith("anthropic")
        .available(caller)
        .map((provider) => provider.providerId),
    ).toEqual(["demo", "anthropic"]);
  });
  it("resolves what has a key, with its name and price", () => {
    const first = catalog.provider("anthropic")?.models[0];
    const ref = { providerId: "anthropic", modelId: first?.id ?? "" };
    expect(modelsWith("anthropic").resolve("usr_1", ref)).toEqual({
      ref,
      name: first?.name,
      price: first?.price,
    });
  });
  it.each([
    ["no_key", { providerId: "anthropic", modelId: catalog.provider("anthropic")?.models[0]?.id ?? "" }],
    ["unknown_model", { providerId: "anthropic", modelId: "none" }],
    ["unknown_model", { providerId: "nobody", modelId: "none" }],
    ["unknown_model", { providerId: "demo", modelId: "demo-2" }],
  ])("says %s with what to do", (reason, ref) => {
    const call = () => modelsWith().resolve("usr_1", ref);
    expect(call).toThrow(AppError);
    expect(call).toThrow(expect.objectContaining({ reason }));
  });
});
