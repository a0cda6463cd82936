import { describe, expect, it } from "vitest";
import { formatHostPort, parseHostPort, parseHostPorts } from "./parse-host-port";

describe("parseHostPorts", () => {
  it("reads names, IPv4 and IPv6, in one spelling", () => {
    expect(parseHostPorts(" Ollama.LAN:11434, 192.168.1.20:8000,[FD00:0::1]:8000,localhost.:1, ")).toEqual([
      { host: "ollama.lan", port: 11434 },
      { host: "192.168.1.20", port: 8000 },
      { host: "fd00::1", port: 8000 },
      { host: "localhost", port: 1 },
    ]);
    expect(parseHostPorts("")).toEqual([]);
  });

  it.each([
    "ollama.lan",
    "ollama.lan:",
    "ollama.lan:0",
    "ollama.lan:65536",
    "ollama.lan:http",
    "http://ollama.lan:11434",
    "fd00::1:8000",
    "*.lan:80",
    "10.0.0.0/8:80",
    "a b:80",
    "good:1,:2",
  ])("refuses %j with a sentence that shows the form", (value) => {
    expect(() => parseHostPorts(value)).toThrow(/is not a host and a port; write .* as host:port/);
  });
});

describe("parseHostPort", () => {
  it("fills in the default port only where one is given", () => {
    expect(parseHostPort("example.org", 80)).toEqual({ host: "example.org", port: 80 });
    expect(parseHostPort("example.org", null)).toBeNull();
    expect(parseHostPort("example.org:443", 80)).toEqual({ host: "example.org", port: 443 });
  });

  it("writes back what it read", () => {
    for (const text of ["example.org:443", "[2001:db8::1]:443", "192.0.2.1:80"]) {
      const parsed = parseHostPort(text, null);
      expect(parsed && formatHostPort(parsed)).toBe(text);
    }
  });
});
