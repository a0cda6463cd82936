import { describe, expect, it } from "vitest";
import { CONTRACT_VERSION } from "../../../sidecar/src/protocol";
import { DriverError } from "../../drivers/driver";
import {
  provisioningFailure,
  reconcileDecision,
  refusal,
  sessionEnd,
  titleByPrompt,
  titleFrom,
} from "./decisions";

const running = { kind: "running", startedAt: "2026-11-01T00:00:00Z" } as const;
const killed = {
  kind: "exited",
  exitCode: 137,
  outOfMemory: false,
  finishedAt: "2026-11-01T00:00:00Z",
} as const;

describe("reconcileDecision", () => {
  it("adopts a registered container that runs", () => {
    expect(reconcileDecision({ status: "active", contract: CONTRACT_VERSION }, running)).toEqual({
      kind: "adopt",
    });
    expect(reconcileDecision({ status: "idle", contract: CONTRACT_VERSION }, running)).toEqual({
      kind: "adopt",
    });
  });
  it("starts anew what was half made, whatever became of its container", () => {
    expect(reconcileDecision({ status: "creating", contract: null }, running).kind).toBe("provision");
    expect(reconcileDecision({ status: "creating", contract: CONTRACT_VERSION }, { kind: "gone" }).kind).toBe(
      "provision",
    );
  });
  it("fails a live session whose container is dead, gone or not ours, with the reason", () => {
    expect(reconcileDecision({ status: "idle", contract: CONTRACT_VERSION }, killed)).toMatchObject({
      kind: "end",
      status: "error",
      reason: { code: "container_died" },
    });
    expect(reconcileDecision({ status: "idle", contract: CONTRACT_VERSION }, { kind: "gone" })).toMatchObject(
      {
        reason: { code: "container_gone" },
      },
    );
    expect(reconcileDecision({ status: "idle", contract: null }, running)).toMatchObject({
      reason: { code: "unregistered" },
    });
  });
  it("fails a session whose container speaks another contract, and says what to do", () => {
    const decision = reconcileDecision({ status: "active", contract: CONTRACT_VERSION + 1 }, running);
    expect(decision).toMatchObject({ kind: "end", status: "error", reason: { code: "other_version" } });
    expect(JSON.stringify(decision)).toContain("Resume to start a new one");
  });
  it("leaves stopped and failed sessions alone", () => {
    expect(reconcileDecision({ status: "stopped", contract: null }, { kind: "gone" }).kind).toBe("nothing");
    expect(reconcileDecision({ status: "error", contract: CONTRACT_VERSION }, running).kind).toBe("nothing");
  });
});

describe("reasons", () => {
  it("name memory apart from a kill, and always the next step", () => {
    expect(sessionEnd({ ...killed, outOfMemory: true }).reason.code).toBe("out_of_memory");
    expect(sessionEnd(killed).reason.message).toContain("killed from outside");
    expect(sessionEnd({ ...killed, exitCode: 1 }).reason.message).toContain("ended by itself");
    for (const state of [killed, { ...killed, exitCode: 0 }, { kind: "gone" } as const])
      expect(sessionEnd(state).reason.message).toContain("Resume");
  });
  it.each([0, 143, 255])(
    "tell a container that was stopped from one that failed (exit code %i)",
    (exitCode) => {
      expect(sessionEnd({ ...killed, exitCode })).toMatchObject({
        status: "stopped",
        reason: { code: "container_stopped" },
      });
      expect(sessionEnd({ ...killed, exitCode, outOfMemory: true }).status).toBe("error");
    },
  );
  it("keep a driver's sentence and detail", () => {
    const reason = provisioningFailure(
      new DriverError("out_of_disk", "Free some space.", "no space left on device"),
    );
    expect(reason).toEqual({
      code: "out_of_disk",
      message: "Free some space.",
      detail: "no space left on device",
    });
  });
});

describe("refusal", () => {
  it("refuses prompts and terminals of sessions that do not run, and says to resume", () => {
    expect(refusal("prompt", "stopped")?.reason).toBe("session_stopped");
    expect(refusal("terminal", "error")?.message).toContain("Resume it first");
    expect(refusal("terminal", "creating")?.reason).toBe("session_busy");
  });
  it("takes prompts while the session is creating", () => {
    expect(refusal("prompt", "creating")).toBeNull();
  });
  it("resumes only what does not run", () => {
    expect(refusal("resume", "active")?.reason).toBe("session_busy");
    expect(refusal("resume", "creating")?.reason).toBe("session_busy");
    expect(refusal("resume", "stopped")).toBeNull();
  });
  it("archives only what does not run, and says to stop it first", () => {
    for (const status of ["creating", "active", "idle"] as const)
      expect(refusal("archive", status)).toMatchObject({
        reason: "session_busy",
        message: expect.stringContaining("Stop it first") as string,
      });
    for (const status of ["stopped", "error"] as const) expect(refusal("archive", status)).toBeNull();
  });
});

describe("titleFrom", () => {
  const now = new Date("2026-11-01T10:20:30Z");
  it("takes the prompt's first words, cut", () => {
    expect(titleFrom("\n  make a page \nmore", now)).toBe("make a page");
    expect(titleFrom("x".repeat(100), now)).toHaveLength(58);
    expect(titleFrom("#script\nsay hi", now)).toBe("say hi");
  });
  it("falls back to the day", () => {
    expect(titleFrom(undefined, now)).toBe("New session, 2026-11-01 10:20");
  });
});

describe("titleByPrompt", () => {
  const createdAt = "2026-11-01T10:20:30.000Z";
  const untitled = { title: "New session, 2026-11-01 10:20", createdAt };
  it("names a session that nobody named", () => {
    expect(titleByPrompt(untitled, "make a page\nand more")).toBe("make a page");
  });
  it("leaves a name alone, and gives none for nothing", () => {
    expect(titleByPrompt({ title: "Mine", createdAt }, "make a page")).toBeNull();
    expect(titleByPrompt({ ...untitled, title: "New session, 2026-11-01 10:21" }, "make a page")).toBeNull();
    expect(titleByPrompt(untitled, " \n ")).toBeNull();
  });
});
