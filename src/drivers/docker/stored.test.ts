import { describe, expect, it } from "vitest";
import { LABEL } from "./names";
import { volumeSizes } from "./stored";

const volume = (name: string, installation: string, size: number | null) => ({
  Name: name,
  Labels: { [LABEL.installation]: installation, [LABEL.session]: "ses_00000001" },
  UsageData: size === null ? null : { Size: size, RefCount: 0 },
});

describe("sizes of volumes, as the engine tells them", () => {
  it("are ours alone, by session; what was not measured is nothing", () => {
    const json = {
      Images: [],
      Volumes: [
        volume("oa-1-ses_00000001-workspace", "oa-1", 5),
        volume("oa-1-ses_00000001-state", "oa-1", -1),
        volume("oa-2-ses_00000001-workspace", "oa-2", 7),
        volume("something-else", "oa-1", 9),
        { Name: "foreign", Labels: null },
      ],
    };
    expect(volumeSizes(json, "oa-1")).toEqual([{ sessionId: "ses_00000001", workspace: 5, state: 0 }]);
    expect(volumeSizes({ Volumes: null }, "oa-1")).toEqual([]);
    expect(() => volumeSizes("no", "oa-1")).toThrow();
  });
});
