import { describe, expect, it } from "vitest";
import { AppError } from "../errors";
import { checkedEndpoint } from "./endpoint-url";

const reasonOf = (text: string, allow: { host: string; port: number }[] = []) => {
  try {
    checkedEndpoint(text, allow);
    return null;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.reason;
  }
};

describe("checkedEndpoint", () => {
  it.each([
    ["https://models.example.com/v1", "https://models.example.com/v1"],
    ["https://models.example.com/v1///", "https://models.example.com/v1"],
    ["HTTPS://Models.Example.com:8443/", "https://models.example.com:8443"],
    ["https://203.0.113.5/v1", "https://203.0.113.5/v1"],
  ])("takes %s", (text, expected) => {
    expect(checkedEndpoint(text, [])).toBe(expected);
  });

  it.each([
    "models.example.com",
    "ftp://models.example.com",
    "file:///etc/passwd",
    "https://user:pw@models.example.com",
    "https://user@models.example.com",
    "https://models.example.com/v1?x=1",
    "https://models.example.com/v1?",
    "https://models.example.com/v1#x",
    "https://models.example.com/v1#",
    "http://models.example.com/v1",
  ])("refuses %s", (text) => {
    expect(reasonOf(text)).toBe("bad_endpoint");
  });

  it.each([
    "https://localhost/v1",
    "https://localhost./v1",
    "https://a.localhost/v1",
    "https://ollama/v1",
    "https://metadata.google.internal/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.10.10/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
  ])("refuses the private %s, and says how to allow it", (text) => {
    expect(() => checkedEndpoint(text, [])).toThrow("OPENAGENT_ALLOW_PRIVATE");
  });

  it("takes a private endpoint that is allowed by host and port, in clear too, and no other port of it", () => {
    const allow = [
      { host: "127.0.0.1", port: 11434 },
      { host: "ollama", port: 80 },
      { host: "::1", port: 443 },
    ];
    expect(checkedEndpoint("http://127.0.0.1:11434/v1/", allow)).toBe("http://127.0.0.1:11434/v1");
    expect(checkedEndpoint("http://OLLAMA/v1", allow)).toBe("http://ollama/v1");
    expect(checkedEndpoint("https://[0:0:0:0:0:0:0:1]/v1", allow)).toBe("https://[::1]/v1");
    expect(reasonOf("http://127.0.0.1:22/", allow)).toBe("bad_endpoint");
    expect(reasonOf("http://127.0.0.2:11434/", allow)).toBe("bad_endpoint");
  });
});
