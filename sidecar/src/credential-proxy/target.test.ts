import { expect, test } from "vitest";
import { testProvider } from "./egress-proxy.testing";
import { assertPlainTarget, resolveTarget, splitProvider } from "./target";

test.each([
  "/acme/v1/chat/completions",
  "/acme/models/gemini-3:streamGenerateContent?alt=sse",
  "/acme/models/org%20name/model@v1.2",
  "/acme/a.b/..c/...",
  "/acme/models?filter=a%2Fb%2e.",
])("lets %s through", (target) => {
  expect(() => assertPlainTarget(target)).not.toThrow();
});

test.each([
  "http://evil.example/acme/v1",
  "//evil.example/acme",
  "acme/v1",
  "",
  "*",
  "/acme//evil.example/",
  "/acme/../other/v1",
  "/acme/..",
  "/acme/./v1",
  "/acme/%2e%2e/other",
  "/acme/%2E./other",
  "/acme/.%2e/other",
  "/acme/..;/other",
  "/acme/..;x=1/other",
  "/acme/%252e%252e/other",
  "/acme/%25252e/other",
  "/acme/a%2fb",
  "/acme/a%2Fb",
  "/acme/a%252fb",
  "/acme/a%5cb",
  "/acme/a\\b",
  "/acme\\..\\other",
  "/acme/http://evil.example/",
  "/acme/v1#fragment",
  "/acme/v1 HTTP/1.1",
  "/acme/a%00b",
  "/acme/a%0d%0aHost:%20evil",
  "/acme/a\r\nHost: evil",
  "/acme/\u2025/\uff0e\uff0e",
])("refuses %j", (target) => {
  expect(() => assertPlainTarget(target)).toThrow(/without dots, double slashes/);
});

test("takes the provider's id from the front", () => {
  expect(splitProvider("/acme/v1/x")).toEqual({ providerId: "acme", rest: "v1/x" });
  expect(splitProvider("/acme/")).toEqual({ providerId: "acme", rest: "" });
  expect(splitProvider("/acme")).toEqual({ providerId: "acme", rest: "" });
  expect(splitProvider("/")).toEqual({ providerId: "", rest: "" });
});

const resolve = (baseUrl: string, rest: string, search = "") =>
  resolveTarget(testProvider({ baseUrl }), rest, search).href;

test("joins below the provider's path, whatever the rest looks like", () => {
  expect(resolve("https://a.example/api/v1", "chat")).toBe("https://a.example/api/v1/chat");
  expect(resolve("https://a.example/api/v1/", "chat")).toBe("https://a.example/api/v1/chat");
  expect(resolve("https://a.example", "chat")).toBe("https://a.example/chat");
  expect(resolve("https://a.example/api", "")).toBe("https://a.example/api");
  expect(resolve("https://a.example:8443/api", "@evil.example/x")).toBe(
    "https://a.example:8443/api/@evil.example/x",
  );
  expect(resolve("http://[::1]:11434/v1", ":80/x")).toBe("http://[::1]:11434/v1/:80/x");
});

test("removes credentials from the query in any case and spelling, and keeps the rest", () => {
  expect(
    resolve("https://a.example/v1", "x", "?alt=sse&key=1&API_KEY=2&Access_Token=3&%6bey=4&key=5&q=a%2Fb"),
  ).toBe("https://a.example/v1/x?alt=sse&q=a%2Fb");
});

test("the table's own query stays and wins", () => {
  expect(resolve("https://a.example/v1?api-version=7", "x", "?api-version=1&n=2")).toBe(
    "https://a.example/v1/x?n=2&api-version=7",
  );
});

test("a path that a caller did not check still cannot leave the prefix", () => {
  expect(() => resolve("https://a.example/api/v1", "../../admin")).toThrow(/outside of the provider's API/);
  expect(() => resolve("https://a.example/api/v1", "%2e%2e/v10")).toThrow(/outside of the provider's API/);
});

test("refuses an address in the table that is not http", () => {
  expect(() => resolve("file:///etc/passwd", "x")).toThrow(/must begin with https/);
});
