import { describe, expect, it } from "vitest";
import { pathToReturnTo, signInPath } from "./sign-in-path";

describe("the way back after a sign-in", () => {
  it("is the page that was open, whole", () => {
    const page = { pathname: "/sessions/ses_1", search: "?a=1&b=2", hash: "#x" };
    const to = new URL(signInPath(page), "http://a.example").searchParams.get("to");
    expect(pathToReturnTo(to)).toBe("/sessions/ses_1?a=1&b=2#x");
  });

  it.each([
    "https://elsewhere.example/",
    "//elsewhere.example/",
    "/\\elsewhere.example/",
    "/\t/elsewhere.example/",
    "/.//elsewhere.example/",
    "/..//elsewhere.example/",
    "javascript:alert(1)",
    "sessions/ses_1",
    "",
    null,
    ["/settings"],
  ])("leads nowhere else: %j", (to) => expect(pathToReturnTo(to)).toBeNull());
});
