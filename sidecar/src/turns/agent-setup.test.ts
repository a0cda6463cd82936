import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { scriptedProvider, SETTINGS } from "../instance.testing";
import type { AgentClient } from "../opencode/client";
import { ConfigFile } from "../opencode/config-file";
import { AgentSetup } from "./agent-setup";

let dir: string;
let setup: AgentSetup;
let told: string[];
const client = {
  loadProviders: async () => void told.push("load"),
  reload: async () => void told.push("reload"),
} as Partial<AgentClient> as AgentClient;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openagent-setup-"));
  told = [];
  const providers = [scriptedProvider()];
  const file = await ConfigFile.create(dir);
  setup = new AgentSetup({ file, credentialProxyPort: 1, providers, settings: SETTINGS });
  await setup.prepare();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it("has opencode load its providers once", async () => {
  await setup.loadProviders(client);
  await setup.loadProviders(client);
  expect(told).toEqual(["load"]);
});

it("has them loaded again after a reload, and in an opencode that was started anew", async () => {
  await setup.loadProviders(client);
  await setup.change({ providers: [{ ...scriptedProvider(), name: "Other" }] }, client);
  await setup.loadProviders(client);
  await setup.prepare();
  await setup.loadProviders(client);
  expect(told).toEqual(["load", "reload", "load", "load"]);
});

it("tries again when they could not be loaded", async () => {
  const failing = { ...client, loadProviders: () => Promise.reject(new Error("no")) } as AgentClient;
  await expect(setup.loadProviders(failing)).rejects.toThrow("no");
  await setup.loadProviders(client);
  expect(told).toEqual(["load"]);
});
