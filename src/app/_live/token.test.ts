import { describe, expect, it } from "vitest";
import { createIdentity } from "./token";
import { tokenIn } from "./token-source";

function setUp(answers: (string | null | Error)[]) {
  const told = { renewals: 0, signedOut: 0, waits: [] as number[] };
  let nowMs = 0;
  const identity = createIdentity({
    source: {
      async fetch() {
        const answer = answers.shift();
        if (answer === undefined || answer instanceof Error) throw answer ?? new Error("asked too often");
        return answer;
      },
    },
    renew: () => (told.renewals += 1),
    onSignedOut: () => (told.signedOut += 1),
    nowMs: () => nowMs,
    waitMs: async (failures) => void told.waits.push(failures),
  });
  return { identity, told, pass: (ms: number) => (nowMs += ms) };
}

describe("the page's identity", () => {
  it("asks a server that does not answer again, and signs nobody out meanwhile", async () => {
    const { identity, told } = setUp([new Error("down"), new Error("down"), "token"]);
    expect(await identity.token({ forceRefreshToken: true })).toBe("token");
    expect(told).toEqual({ renewals: 0, signedOut: 0, waits: [0, 1] });
  });

  it("leaves when the server says that nobody is signed in", async () => {
    const { identity, told } = setUp([null]);
    expect(await identity.token({ forceRefreshToken: false })).toBeNull();
    expect(told.signedOut).toBe(1);
  });

  it("does not lead away whoever is leaving, but does when leaving failed", async () => {
    const { identity, told } = setUp([null, null]);
    const stay = identity.leave();
    await identity.token({ forceRefreshToken: true });
    expect(told).toMatchObject({ signedOut: 0, renewals: 0 });
    stay();
    expect(told.renewals).toBe(1);
    await identity.token({ forceRefreshToken: true });
    expect(told.signedOut).toBe(1);
  });

  it("fetches one new token, not one for each query that the mirror refuses", () => {
    const { identity, told, pass } = setUp([]);
    for (let query = 0; query < 5; query += 1) identity.doubt();
    expect(told.renewals).toBe(1);
    pass(10_000);
    identity.doubt();
    expect(told.renewals).toBe(2);
    expect(told.signedOut).toBe(0);
  });
});

describe("the server's answer", () => {
  it("holds a token", () => {
    expect(tokenIn('{"result":{"data":{"token":"a.b.c","expiresAt":"2026-11-25T10:00:00.000Z"}}}')).toBe(
      "a.b.c",
    );
  });

  it.each(["<html>", "null", "[]", '{"result":null}', '{"result":{"data":{"token":7}}}', '{"error":{}}'])(
    "is none: %s",
    (body) => expect(tokenIn(body)).toBeNull(),
  );
});
