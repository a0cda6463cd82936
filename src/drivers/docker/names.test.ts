import { describe, expect, it } from "vitest";
import { DriverError } from "../driver";
import { checkId, checkInstallation, containerName, hostName, volumeName } from "./names";

const SESSION = "ses_0123456789abcdefABCDEF0123456789";

describe("names on the engine", () => {
  it("come from ids alone, always the same", () => {
    expect(containerName("oa-3f2a", "ins_00000000")).toBe("oa-3f2a-ins_00000000");
    expect(volumeName("oa-3f2a", SESSION, "workspace")).toBe(`oa-3f2a-${SESSION}-workspace`);
    expect(volumeName("oa-3f2a", SESSION, "state")).toBe(`oa-3f2a-${SESSION}-state`);
    expect(hostName(SESSION)).toBe("ses-01234567");
  });

  it.each([
    "",
    "ses_short",
    "ses_0123456/../../etc",
    "ses_01234567\n",
    "../ses_01234567",
    "SES_01234567",
    "ses_0123 4567",
    "ses_01234567:/etc",
    "ses_01234567-workspace",
    "ses_01234567\u0000",
    "ses_ｗｉｄｅｗｉｄｅ",
    `ses_${"a".repeat(65)}`,
    "--privileged",
    "__proto__",
  ])("refuses %j as an id", (id) => {
    expect(() => checkId(id)).toThrow(DriverError);
    expect(() => volumeName("oa", id, "state")).toThrow(DriverError);
    expect(() => containerName("oa", id)).toThrow(DriverError);
  });

  it.each(["", "-oa", "oa-", "OA", "oa_1", "oa/1", "a".repeat(33), "oa\n"])(
    "refuses %j as a prefix",
    (prefix) => {
      expect(() => checkInstallation(prefix)).toThrow(/OPENAGENT_INSTANCE/);
    },
  );
});
