import { createHmac, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  registrationProofInput,
  type BootLine,
  type RegistrationPayload,
  type SealedMessage,
} from "../protocol";
import { MAX_REGISTRATION_TRIES, Registration } from "./registration";
import { decodePublicKey, generateSealKeyPair, openSealed, sealTo, type SealContext } from "./seal";

const boot: BootLine = {
  token: randomBytes(32).toString("base64url"),
  sessionId: "ses_1",
  instanceId: "ins_1",
};
const token = Buffer.from(boot.token, "base64url");
const context: SealContext = { purpose: "registration", sessionId: "ses_1", instanceId: "ins_1", token };

const payload: RegistrationPayload = {
  bearer: "b".repeat(43),
  egressSecret: "e".repeat(43),
  epoch: 1,
  held: null,
  providers: [],
  settings: {
    model: { providerId: "demo", modelId: "demo-1" },
    agent: "build",
    permissionMode: "ask",
    title: "t",
  },
};

const flip = (text: string, at: number): string => {
  const bytes = Buffer.from(text, "base64url");
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.toString("base64url");
};

async function make(onRegistered: (payload: RegistrationPayload) => Promise<void> = () => Promise.resolve()) {
  const state = { exhausted: 0 };
  const registration = await Registration.create({
    boot,
    version: "1.2.3",
    onRegistered,
    onExhausted: () => (state.exhausted += 1),
  });
  const { publicKey } = registration.offer("n".repeat(22));
  const seal = (text = JSON.stringify(payload), change: Partial<SealContext> = {}) =>
    sealTo(publicKey, { ...context, ...change }, text);
  return { registration, publicKey, seal, state };
}

describe("sealing", () => {
  it("opens what was sealed for the same purpose, session, instance and token", async () => {
    const pair = await generateSealKeyPair();
    expect(await openSealed(pair.privateKey, context, await sealTo(pair.publicKey, context, "hällo"))).toBe(
      "hällo",
    );
  });

  it.each([
    ["purpose", { purpose: "credentials" as const }],
    ["session", { sessionId: "ses_2" }],
    ["instance", { instanceId: "ins_2" }],
    ["token", { token: randomBytes(32) }],
  ])("does not open with another %s", async (_what, change) => {
    const pair = await generateSealKeyPair();
    const sealed = await sealTo(pair.publicKey, context, "secret");
    await expect(openSealed(pair.privateKey, { ...context, ...change }, sealed)).rejects.toMatchObject({
      code: "open_failed",
    });
  });

  it("does not open with another key, nor with any flipped byte", async () => {
    const pair = await generateSealKeyPair();
    const sealed = await sealTo(pair.publicKey, context, "secret");
    await expect(openSealed((await generateSealKeyPair()).privateKey, context, sealed)).rejects.toMatchObject(
      { code: "open_failed" },
    );
    // The top bit of an X25519 key is not part of its value; the encapsulation is bound as bytes all the same.
    for (let at = 0; at < 32; at += 1) {
      await expect(
        openSealed(pair.privateKey, context, { ...sealed, enc: flip(sealed.enc, at) }),
      ).rejects.toMatchObject({ code: "open_failed" });
    }
    for (let at = 0; at < Buffer.from(sealed.ciphertext, "base64url").length; at += 1) {
      const changed = { ...sealed, ciphertext: flip(sealed.ciphertext, at) };
      await expect(openSealed(pair.privateKey, context, changed)).rejects.toMatchObject({
        code: "open_failed",
      });
    }
  });

  it("makes another message each time", async () => {
    const pair = await generateSealKeyPair();
    const [a, b] = [await sealTo(pair.publicKey, context, "x"), await sealTo(pair.publicKey, context, "x")];
    expect(a.enc).not.toBe(b.enc);
    expect(a.ciphertext).not.toBe(b.ciphertext);
  });

  const hex = (text: string) => Buffer.from(text, "hex").toString("base64url");
  it.each([
    ["empty", ""],
    ["short", randomBytes(31).toString("base64url")],
    ["long", randomBytes(33).toString("base64url")],
    ["not canonical", `${randomBytes(32).toString("base64url")}=`],
    ["all zero", hex("00".repeat(32))],
    ["one", hex(`01${"00".repeat(31)}`)],
    ["order 8", hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")],
    ["order 8, the other", hex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")],
    ["p - 1", hex(`ec${"ff".repeat(30)}7f`)],
    ["p", hex(`ed${"ff".repeat(30)}7f`)],
    ["p + 1", hex(`ee${"ff".repeat(30)}7f`)],
    ["zero with the top bit", hex(`${"00".repeat(31)}80`)],
  ])("refuses a public key that is %s", async (_what, key) => {
    expect(() => decodePublicKey(key)).toThrow(expect.objectContaining({ code: "bad_public_key" }) as Error);
    await expect(sealTo(key, context, "secret")).rejects.toMatchObject({ code: "bad_public_key" });
  });

  it("refuses an encapsulation of small order and a token of the wrong length", async () => {
    const pair = await generateSealKeyPair();
    const sealed = await sealTo(pair.publicKey, context, "secret");
    await expect(
      openSealed(pair.privateKey, context, { ...sealed, enc: hex("00".repeat(32)) }),
    ).rejects.toMatchObject({ code: "open_failed" });
    await expect(sealTo(pair.publicKey, { ...context, token: randomBytes(16) }, "x")).rejects.toMatchObject({
      code: "bad_token",
    });
  });
});

describe("registration", () => {
  it("proves that it holds the token, for this nonce", async () => {
    const { registration } = await make();
    const nonce = "nonce-of-the-server";
    const offer = registration.offer(nonce);
    const input = registrationProofInput({
      sessionId: "ses_1",
      instanceId: "ins_1",
      publicKey: offer.publicKey,
      nonce,
    });
    expect(offer.proof).toBe(createHmac("sha256", token).update(input).digest("base64url"));
    expect(offer.proof).not.toBe(registration.offer("another-nonce-here").proof);
    expect(offer).toMatchObject({ contract: 1, version: "1.2.3" });
  });

  it("completes once", async () => {
    const seen: RegistrationPayload[] = [];
    const { registration, seal } = await make(async (got) => void seen.push(got));
    await registration.complete(await seal());
    expect(seen).toEqual([payload]);
    expect(registration.done).toBe(true);
    await expect(registration.complete(await seal())).rejects.toMatchObject({
      code: "already_registered",
      status: 409,
    });
    expect(() => registration.offer("n".repeat(22))).toThrow(/registered already/);
  });

  it("lets exactly one of many at once in", async () => {
    let started = 0;
    const { registration, seal } = await make(async () => void (started += 1));
    const sealed: SealedMessage[] = [];
    for (let i = 0; i < 50; i += 1) sealed.push(await seal());
    const results = await Promise.allSettled(sealed.map((message) => registration.complete(message)));
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    expect(started).toBe(1);
  });

  it.each([
    ["for another session", { sessionId: "ses_2" }],
    ["for another instance", { instanceId: "ins_2" }],
    ["for another purpose", { purpose: "credentials" as const }],
    ["with another token", { token: randomBytes(32) }],
  ])("refuses a message %s and stays open for the right one", async (_what, change) => {
    const { registration, seal } = await make();
    await expect(registration.complete(await seal(undefined, change))).rejects.toMatchObject({
      code: "bad_request",
      status: 400,
    });
    await registration.complete(await seal());
    expect(registration.done).toBe(true);
  });

  it("refuses a payload that does not fit, without quoting it", async () => {
    const { registration, seal } = await make();
    const failure = await registration
      .complete(await seal('{"bearer":"hunter2-hunter2"}'))
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "bad_request" });
    expect(JSON.stringify((failure as { body(): unknown }).body())).not.toContain("hunter2");
  });

  it("gives up after too many wrong messages", async () => {
    const { registration, state } = await make();
    const wrong = { enc: "AAAA", ciphertext: "AAAA" };
    for (let i = 0; i < MAX_REGISTRATION_TRIES; i += 1) {
      expect(state.exhausted).toBe(0);
      await expect(registration.complete(wrong)).rejects.toMatchObject({ code: "bad_request" });
    }
    expect(state.exhausted).toBe(1);
  });

  it("stays open when the start fails", async () => {
    let fail = true;
    const { registration, seal } = await make(async () => {
      if (fail) throw new Error("disk");
    });
    await expect(registration.complete(await seal())).rejects.toThrow("disk");
    fail = false;
    await registration.complete(await seal());
    expect(registration.done).toBe(true);
  });

  it("opens new credentials once, and only those for this purpose", async () => {
    const { registration, seal } = await make();
    const text = JSON.stringify({ providers: [] });
    const message = await seal(text, { purpose: "credentials" });
    expect(await registration.openCredentials(message)).toEqual({ providers: [] });
    await expect(registration.openCredentials(message)).rejects.toMatchObject({ code: "bad_request" });
    await expect(registration.openCredentials(await seal(text))).rejects.toMatchObject({
      code: "bad_request",
    });
  });
});
