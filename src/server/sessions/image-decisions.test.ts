import { describe, expect, it } from "vitest";
import { CONTRACT_VERSION } from "../../../sidecar/src/protocol";
import { DriverError, type DriverErrorCode } from "../../drivers/driver";
import { AppError } from "../errors";
import { SidecarError } from "../sidecar-client/sidecar-error";
import { imagesToTry, isImagesFault, otherContract, rolledBack, unfitImage } from "./image-decisions";

const before = { image: "session:1", contract: CONTRACT_VERSION, isOnEngine: true };

describe("the images to start a session on", () => {
  it("are the one in force, then the one it was ready on", () => {
    expect(imagesToTry("session:2", { ready: before, failed: null })).toEqual(["session:2", "session:1"]);
    expect(imagesToTry("session:3", { ready: before, failed: "session:2" })).toEqual([
      "session:3",
      "session:1",
    ]);
  });
  it("are the other way round while it is known not to start on the one in force", () => {
    expect(imagesToTry("session:2", { ready: before, failed: "session:2" })).toEqual([
      "session:1",
      "session:2",
    ]);
  });
  it.each([
    ["it was never ready", null],
    ["it was ready on the same", { ...before, image: "session:2" }],
    ["the engine has lost the one before", { ...before, isOnEngine: false }],
    ["the one before speaks an older contract", { ...before, contract: CONTRACT_VERSION - 1 }],
    ["the one before speaks a newer contract", { ...before, contract: CONTRACT_VERSION + 1 }],
    ["nobody knows what the one before speaks", { ...before, contract: null }],
  ])("are the one in force alone where %s", (_where, ready) => {
    expect(imagesToTry("session:2", { ready, failed: null })).toEqual(["session:2"]);
    expect(imagesToTry("session:2", { ready, failed: "session:2" })).toEqual(["session:2"]);
  });
});

describe("a failure to start", () => {
  const appError = (reason: "sidecar_unreachable" | "other_version" | "not_found" | "internal") =>
    new AppError("INTERNAL_SERVER_ERROR", reason, "It did not.");
  it.each([
    ["a sidecar or an agent that does not come up", appError("sidecar_unreachable")],
    ["a contract that is not ours", appError("other_version")],
    ["an answer that no sidecar of ours gives", new SidecarError("bad_answer", "Odd.")],
    ["a sidecar that ends while it is asked", new SidecarError("unreachable", "Gone.")],
  ])("is the image's for %s", (_what, error) => {
    expect(isImagesFault(error)).toBe(true);
  });
  it.each<DriverErrorCode>([
    "engine_unreachable",
    "engine_permission",
    "image_missing",
    "out_of_disk",
    "name_taken",
    "instance_gone",
    "engine_error",
  ])("is not the image's for %s of the engine", (code) => {
    expect(isImagesFault(new DriverError(code, "No.", "no"))).toBe(false);
  });
  it("is not the image's where the server itself stumbles", () => {
    for (const error of [appError("not_found"), appError("internal"), new Error("disk full"), "odd"])
      expect(isImagesFault(error)).toBe(false);
  });
});

describe("what people are told", () => {
  it("of a rollback: both images, why, and how to try again", () => {
    const failure = { code: "sidecar_unreachable", message: "It ended.", detail: "SyntaxError" };
    const told = rolledBack({ inForce: "session:2", ready: "session:1" }, failure);
    expect(told.code).toBe("image_rolled_back");
    expect(told.message).toContain("Rebuild it to try the new image again.");
    expect(told.detail).toBe("session:2: It ended.\nSyntaxError\nIt runs on session:1.");
  });
  it("of another contract: which side is the newer, and the next step", () => {
    expect(otherContract(CONTRACT_VERSION + 1).message).toContain("a newer OpenAgent than this one");
    expect(otherContract(CONTRACT_VERSION - 1).message).toContain("an older OpenAgent,");
    expect(otherContract(CONTRACT_VERSION - 1).message).toContain("Resume to start a new one");
    const unfit = (contract: number) => unfitImage({ contract, version: "9.9.9" });
    expect(unfit(CONTRACT_VERSION + 1).message).toContain("is newer than this server");
    expect(unfit(CONTRACT_VERSION - 1).message).toContain("is older than this server");
    expect(unfit(CONTRACT_VERSION - 1).message).toContain('"npm run up"');
    expect(unfit(CONTRACT_VERSION - 1).detail).toContain("9.9.9");
  });
});
