import { describe, expect, it } from "vitest";
import { hostHint, hostProblem, ownNameOf } from "./listen-host.mjs";

describe("a server without OPENAGENT_URL", () => {
  it.each([
    ["127.0.0.1", "127.0.0.1"],
    ["localhost", "localhost"],
    ["LocalHost", "localhost"],
    ["::1", "[::1]"],
    ["0:0:0:0:0:0:0:1", "[::1]"],
    ["0.0.0.0", "127.0.0.1"],
    ["::", "127.0.0.1"],
  ])("that listens on %s is opened by %s", (host, name) => {
    expect(ownNameOf(host)).toBe(name);
    expect(hostProblem({ host, port: 3000 })).toBeUndefined();
  });

  it.each(["192.0.2.7", "127.0.0.2", "agents.example.org", "2001:db8::7", "not a host"])(
    "that listens on %s could be opened by nobody, and the sentence says what to set",
    (host) => {
      expect(ownNameOf(host)).toBeUndefined();
      expect(hostProblem({ host, port: 3000 })).toMatch(/Set OPENAGENT_URL to the address that people type/);
    },
  );

  it("is told how an address would look", () => {
    expect(hostProblem({ host: "192.0.2.7", port: 8080 })).toContain("such as http://192.0.2.7:8080,");
    expect(hostProblem({ host: "2001:db8::7", port: 8080 })).toContain("such as http://[2001:db8::7]:8080,");
  });

  it.each([
    ["0.0.0.0", true],
    ["::", true],
    ["127.0.0.1", false],
    ["::1", false],
  ])("on %s: a hint is there (%s) where others reach the port but not the pages", (host, there) => {
    expect(hostHint({ host, port: 3000 }) !== undefined).toBe(there);
  });
});
