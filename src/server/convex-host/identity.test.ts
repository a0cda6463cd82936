import { afterEach, expect, test, vi } from "vitest";
import { createTestKeys, ISSUER } from "./fixture.testing";
import { createTokenVerifier } from "./identity";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function start() {
  const { jwks, sign } = await createTestKeys();
  const config = { issuer: ISSUER, applicationID: "test-app", algorithm: "ES256" as const, jwks };
  return { sign, verify: createTokenVerifier(config), config };
}

test("an identity holds the token's own claims, flat, and none of its dates and audiences", async () => {
  const { sign, verify } = await start();
  const token = await sign({ subject: "ann", claims: { role: "person", at: { team: { id: 7 } }, jti: "x" } });
  const { identity } = await verify(token);
  expect(identity).toEqual({
    tokenIdentifier: `${ISSUER}|ann`,
    subject: "ann",
    issuer: ISSUER,
    role: "person",
    "at.team.id": 7,
  });
});

test("claims cannot take the place of who the token names", async () => {
  const { sign, verify } = await start();
  const claims = { tokenIdentifier: "other", issuer: "other", subject: "other" };
  expect((await verify(await sign({ subject: "ann", claims }))).identity).toEqual({
    tokenIdentifier: `${ISSUER}|ann`,
    subject: "ann",
    issuer: ISSUER,
  });
});

test("two tokens of one identity have one key; another identity's is another", async () => {
  const { sign, verify } = await start();
  const key = async (opts: Parameters<typeof sign>[0]) => (await verify(await sign(opts))).identityKey;
  expect(await key({ lifeSeconds: 10 })).toBe(await key({ lifeSeconds: 20 }));
  expect(await key({ claims: { epoch: 1 } })).not.toBe(await key({ claims: { epoch: 2 } }));
});

test("clocks may differ by a few seconds", async () => {
  const { sign, verify } = await start();
  await expect(verify(await sign({ lifeSeconds: -1 }))).resolves.toBeDefined();
  await expect(verify(await sign({ lifeSeconds: -6 }))).rejects.toMatchObject({ code: "unauthenticated" });
});

test("only the configured algorithm is taken", async () => {
  const { sign, config } = await start();
  const verify = createTokenVerifier({ ...config, algorithm: "RS256" });
  await expect(verify(await sign({}))).rejects.toMatchObject({ code: "unauthenticated" });
});

test("a token's signature is verified once, and the token refused when its time is over all the same", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const verifySignature = vi.spyOn(crypto.subtle, "verify");
  const { sign, verify } = await start();
  const token = await sign({ lifeSeconds: 60 });
  const first = await verify(token);
  vi.advanceTimersByTime(64_000);
  expect(await verify(token)).toBe(first);
  expect(verifySignature).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(1_001);
  await expect(verify(token)).rejects.toMatchObject({ code: "unauthenticated" });
  await expect(verify(token)).rejects.toMatchObject({ code: "unauthenticated" });
});

test("a token that was refused is refused again, however like one that was taken it is", async () => {
  const { sign, verify } = await start();
  const token = await sign({});
  await verify(token);
  const [head, body, signature = ""] = token.split(".");
  const forged = [head, body, signature.split("").reverse().join("")].join(".");
  for (let n = 0; n < 2; n += 1)
    await expect(verify(forged)).rejects.toMatchObject({ code: "unauthenticated" });
});

test("tokens beyond those that are kept are verified anew", async () => {
  const verifySignature = vi.spyOn(crypto.subtle, "verify");
  const { sign, verify } = await start();
  const first = await sign({ subject: "first" });
  await verify(first);
  for (let n = 0; n < 100; n += 1) await verify(await sign({ subject: `other ${n}` }));
  await verify(first);
  expect(verifySignature).toHaveBeenCalledTimes(102);
});
