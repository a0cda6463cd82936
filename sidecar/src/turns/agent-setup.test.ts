import { mkdir, mkdtemp, rm } from "node:fs/promises";
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
let file: ConfigFile;
const client = {
  rename: async (title) => void told.push(`rename ${title}`),
  loadProviders: async () => void told.push("load"),
  reload: async () => void told.push("reload"),
} as Partial<AgentClient> as AgentClient;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openagent-setup-"));
  told = [];
  const providers = [scriptedProvider()];
  file = await ConfigFile.create(dir);
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

it("keeps the settings when they cannot be written, and takes a key back all the same", async () => {
  await mkdir(`${file.path}.next`);
  const change = { providers: [], settings: { ...SETTINGS, title: "Renamed" } };
  await expect(setup.change(change, client)).rejects.toMatchObject({ code: "internal" });
  expect(setup.title).toBe(SETTINGS.title);
  expect(setup.providers).toEqual([]);
  expect(told).toEqual([]);
  await rm(`${file.path}.next`, { recursive: true });
  await setup.change(change, client);
  expect(told).toEqual(["reload", "rename Renamed"]);
});
