import { describe, expect, it } from "vitest";
import { PersistentList } from "./persistent-list";
import { PersistentMap } from "./persistent-map";
import { randomFrom } from "./testing";

describe("PersistentList", () => {
  it("holds what was pushed and set, over several levels, and leaves older versions as they were", () => {
    const numbers = Array.from({ length: 40_000 }, (_, i) => i);
    const list = PersistentList.from(numbers);
    const changed = list.set(33_000, -1).set(0, -2).push(40_000);
    expect([...list]).toEqual(numbers);
    expect(changed.at(33_000)).toBe(-1);
    expect(changed.at(0)).toBe(-2);
    expect(changed.at(40_000)).toBe(40_000);
    expect(changed.slice(39_998)).toEqual([39_998, 39_999, 40_000]);
    expect(changed.at(-1)).toBeUndefined();
    expect(changed.at(40_001)).toBeUndefined();
  });

  it("refuses to set where nothing is", () => {
    expect(() => PersistentList.from([1]).set(1, 2)).toThrow(RangeError);
  });
});

describe("PersistentMap", () => {
  it("agrees with Map over random changes, and leaves older versions as they were", () => {
    const random = randomFrom(7);
    const model = new Map<string, number>();
    let map = PersistentMap.empty<number>();
    const versions: { map: PersistentMap<number>; entries: [string, number][] }[] = [];
    for (let i = 0; i < 5000; i += 1) {
      const key = `key_${random(2000)}`;
      map = map.set(key, i);
      model.set(key, i);
      if (i % 1000 === 0) versions.push({ map, entries: [...model] });
    }
    versions.push({ map, entries: [...model] });
    for (const version of versions) {
      expect(new Map(version.map)).toEqual(new Map(version.entries));
      expect(version.map.size).toBe(version.entries.length);
    }
    expect(map.get("absent")).toBeUndefined();
  });
});
