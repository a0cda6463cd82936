import { describe, expect, it } from "vitest";
import type { ListedProvider } from "../../server/models/models";
import { DEMO_MODEL, hasOnlyDemo, modelGroups, presetModel } from "./model-choice";

const provider = (providerId: string, usable: boolean, modelIds: string[]): ListedProvider => ({
  providerId,
  name: providerId.toUpperCase(),
  usable,
  models: modelIds.map((modelId) => ({
    providerId,
    modelId,
    name: modelId,
    context: 200_000,
    price: { input: 3, output: 15, cacheRead: 0, cacheWrite: 0 },
    usable,
  })),
});
const demo = provider("demo", true, ["demo-1"]);
const locked = provider("acme", false, ["big", "small"]);
const open = provider("home", true, ["llama", "qwen"]);

describe("the model that is chosen before anybody chooses", () => {
  it("is the demo model while no key is set, whatever was used in better times", () => {
    expect(presetModel([demo, locked], null)).toEqual(DEMO_MODEL);
    expect(presetModel([demo, locked], { providerId: "acme", modelId: "big" })).toEqual(DEMO_MODEL);
    expect(hasOnlyDemo([demo, locked])).toBe(true);
  });

  it("is what was used last, while it can be used", () => {
    const qwen = { providerId: "home", modelId: "qwen" };
    expect(presetModel([demo, open], qwen)).toEqual(qwen);
    expect(presetModel([demo, open], DEMO_MODEL)).toEqual(DEMO_MODEL);
    expect(presetModel([demo, open], { providerId: "home", modelId: "gone" })).toEqual({
      providerId: "home",
      modelId: "llama",
    });
    expect(hasOnlyDemo([demo, open])).toBe(false);
  });
});

describe("the list of models", () => {
  it("has first what can be used, and says of the others what is missing", () => {
    const groups = modelGroups([demo, locked, open]);
    expect(groups.map(({ label, why }) => [label, why])).toEqual([
      ["DEMO", undefined],
      ["HOME", undefined],
      ["ACME", "no key yet"],
    ]);
    expect(groups[2]?.items[0]).toMatchObject({ value: "acme/big", disabled: true });
    expect(groups[1]?.items[0]).toMatchObject({ aside: "200k · $3 in, $15 out", disabled: false });
  });
});
