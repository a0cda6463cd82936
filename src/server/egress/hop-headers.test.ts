import { describe, expect, it } from "vitest";
import { endToEndHeaders, isMarked } from "./hop-headers";

describe("endToEndHeaders", () => {
  it("drops what ends at a hop and what Connection names, and keeps the rest as it came", () => {
    expect(
      endToEndHeaders([
        ...["Host", "example.org", "Set-Cookie", "a=1", "set-cookie", "b=2"],
        ...["Proxy-Authorization", "Bearer x", "proxy-connection", "keep-alive", "Keep-Alive", "timeout=5"],
        ...[
          "CONNECTION",
          "close, X-Once",
          "x-once",
          "1",
          "TE",
          "trailers",
          "Trailer",
          "X",
          "Upgrade",
          "websocket",
        ],
        ...["Transfer-Encoding", "chunked", "Proxy-Authenticate", "Basic"],
      ]),
    ).toEqual(["Host", "example.org", "Set-Cookie", "a=1", "set-cookie", "b=2"]);
  });

  it("does not let Connection take off what says where a body ends", () => {
    const raw = ["Connection", "content-length, host", "Content-Length", "5", "Host", "x"];
    expect(endToEndHeaders(raw)).toEqual(["Content-Length", "5", "Host", "x"]);
  });
});

describe("isMarked", () => {
  const SECRET = "s".repeat(43);

  it("knows the secret", () => {
    expect(isMarked(`Bearer ${SECRET}`, SECRET)).toBe(true);
    expect(isMarked(`bearer  ${SECRET}`, SECRET)).toBe(true);
  });

  it.each([
    [undefined, SECRET],
    ["", SECRET],
    ["Bearer", SECRET],
    ["Bearer ", SECRET],
    [SECRET, SECRET],
    [`Basic ${SECRET}`, SECRET],
    [`Bearer ${SECRET}x`, SECRET],
    [`Bearer ${SECRET.slice(1)}`, SECRET],
    [`Bearer ${SECRET} ${SECRET}`, SECRET],
    [`Bearer ${SECRET}`, null],
    ["Bearer null", null],
    ["Bearer ", ""],
  ])("says no to %j", (header, secret) => {
    expect(isMarked(header, secret)).toBe(false);
  });
});
