import { TRPCClientError } from "@trpc/client";
import { describe, expect, it } from "vitest";
import { commandIn, unlessBegun } from "./use-send";

describe("a command for the workspace", () => {
  it.each([
    ["!ls", "ls"],
    ["! npm test", "npm test"],
    ["!\tls", "ls"],
    ["!!", "!"],
    ["! for f in *; do\n  echo $f\ndone", "for f in *; do\n  echo $f\ndone"],
    ["!\n ls", "ls"],
  ])("stands behind an exclamation mark: %j", (text, command) => {
    expect(commandIn(text)).toBe(command);
  });

  it.each(["", "!", "!  \n", "ls", "Well done!", "say !ls", " !ls"])("is not in %j", (text) => {
    expect(commandIn(text)).toBeNull();
  });
});

describe("a prompt to a stopped session", () => {
  const refused = (reason: string) => async () => {
    throw TRPCClientError.from({ error: { message: "Refused.", code: -32_009, data: { reason } } });
  };

  it("goes on when somebody else resumed the session a moment before", async () => {
    await expect(unlessBegun(refused("session_busy"), "session_busy")).resolves.toBeUndefined();
  });

  it("is kept when the session cannot be resumed", async () => {
    await expect(unlessBegun(refused("engine_unreachable"), "session_busy")).rejects.toThrow("Refused.");
    await expect(
      unlessBegun(() => Promise.reject(new TypeError("Failed to fetch")), "session_busy"),
    ).rejects.toThrow("fetch");
  });
});

describe("a prompt that is to go before all others", () => {
  const refused = (reason: string) => async () => {
    throw TRPCClientError.from({ error: { message: "Refused.", code: -32_009, data: { reason } } });
  };

  it("has what it wants when it began in the meantime, and else is told why it waits", async () => {
    await expect(unlessBegun(refused("not_waiting"), "not_waiting")).resolves.toBeUndefined();
    await expect(unlessBegun(refused("session_busy"), "not_waiting")).rejects.toThrow("Refused.");
  });
});
