import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { openEnvelope, rewrapEnvelope, sealEnvelope, SealError } from "./envelope";
import { masterKeyOf } from "./master-key";
import { createSecretBox } from "./secret-box";

const master = masterKeyOf(randomBytes(32));
const alice = ["provider-key", "usr_alice", "anthropic", "key_1", ""];
const secret = "sk-oa-canary-0123456789";

/** The complaint of `open`, whatever it is; null when it opened. */
function complaintOf(open: () => unknown): { code: unknown; text: string; cause: unknown } | null {
  try {
    open();
    return null;
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return { code: error.code, text: error.message, cause: error.cause };
  }
}
const theOneError = { code: "unsealable", text: new SealError().message, cause: undefined };

describe("envelope", () => {
  it("gives back what was sealed, and shows nothing of it", () => {
    const sealed = sealEnvelope(master, secret, alice);
    expect(openEnvelope(master, sealed, alice)).toBe(secret);
    for (const part of sealed.split(".")) {
      expect(Buffer.from(part, "base64url").toString("latin1")).not.toContain("canary");
    }
    expect(openEnvelope(master, sealEnvelope(master, "", alice), alice)).toBe("");
    expect(openEnvelope(master, sealEnvelope(master, "żółć 🔑", alice), alice)).toBe("żółć 🔑");
  });

  it("refuses every flipped bit of every character with the same error", () => {
    const sealed = sealEnvelope(master, secret, alice);
    for (let at = 0; at < sealed.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = String.fromCharCode(sealed.charCodeAt(at) ^ (1 << bit));
        const changed = sealed.slice(0, at) + flipped + sealed.slice(at + 1);
        expect(
          complaintOf(() => openEnvelope(master, changed, alice)),
          `character ${at}, bit ${bit}`,
        ).toEqual(theOneError);
      }
    }
  });

  it("refuses every flipped byte of the bytes themselves", () => {
    const sealed = sealEnvelope(master, secret, alice);
    for (const { text, where } of withFlippedByte(sealed, 0xff))
      expect(
        complaintOf(() => openEnvelope(master, text, alice)),
        where,
      ).toEqual(theOneError);
  });

  it.each([
    ["of another owner", ["provider-key", "usr_bob", "anthropic", "key_1", ""]],
    ["of another provider", ["provider-key", "usr_alice", "openai", "key_1", ""]],
    ["of another record", ["provider-key", "usr_alice", "anthropic", "key_2", ""]],
    ["of another address", ["provider-key", "usr_alice", "anthropic", "key_1", "https://evil.example"]],
    ["whose parts run together", ["provider-key", "usr_aliceanthropic", "", "key_1", ""]],
  ])("refuses a record %s", (_, context) => {
    const sealed = sealEnvelope(master, secret, alice);
    expect(complaintOf(() => openEnvelope(master, sealed, context))).toEqual(theOneError);
  });

  it("refuses another master key, also under the right one's id", () => {
    const sealed = sealEnvelope(master, secret, alice);
    const other = masterKeyOf(randomBytes(32));
    expect(complaintOf(() => openEnvelope(other, sealed, alice))).toEqual(theOneError);
    const disguised = { id: master.id, bytes: other.bytes };
    expect(complaintOf(() => openEnvelope(disguised, sealed, alice))).toEqual(theOneError);
  });

  it.each(["", "oa1", "oa1...", "oa2.x.y.z", "\u0000", "oa1.a.b.c.d"])("refuses %j", (text) => {
    expect(complaintOf(() => openEnvelope(master, text, alice))).toEqual(theOneError);
  });

  it("uses every nonce and every data key once, over 10,000 records", () => {
    const count = 10_000;
    const wrapNonces = new Set<string>();
    const bodyNonces = new Set<string>();
    for (let i = 0; i < count; i += 1) {
      const [, , wrapped = "", body = ""] = sealEnvelope(master, secret, alice).split(".");
      // 16 base64url characters are the 12 bytes of the nonce.
      wrapNonces.add(wrapped.slice(0, 16));
      bodyNonces.add(body.slice(0, 16));
    }
    expect([wrapNonces.size, bodyNonces.size]).toEqual([count, count]);
  });
});

describe("rewrapEnvelope", () => {
  const next = masterKeyOf(randomBytes(32));
  const keys = { from: master, to: next };

  it("changes the wrapped data key alone, and from then on the new master key opens, the old one not", () => {
    const sealed = sealEnvelope(master, secret, alice);
    const rewrapped = rewrapEnvelope(keys, sealed, alice);
    expect(openEnvelope(next, rewrapped, alice)).toBe(secret);
    expect(complaintOf(() => openEnvelope(master, rewrapped, alice))).toEqual(theOneError);
    const [before, after] = [sealed.split("."), rewrapped.split(".")];
    expect(after[1]).toBe(next.id);
    expect(after[2]).not.toBe(before[2]);
    expect(after[3]).toBe(before[3]);
  });

  it("refuses every flipped byte, the ciphertext's too, and another context", () => {
    const sealed = sealEnvelope(master, secret, alice);
    for (const { text, where } of withFlippedByte(sealed, 1))
      expect(
        complaintOf(() => rewrapEnvelope(keys, text, alice)),
        where,
      ).toEqual(theOneError);
    expect(complaintOf(() => rewrapEnvelope(keys, sealed, ["other"]))).toEqual(theOneError);
    expect(complaintOf(() => rewrapEnvelope({ from: next, to: master }, sealed, alice))).toEqual(theOneError);
  });
});

describe("secret box", () => {
  const box = createSecretBox(master);
  it("opens for the context that it was sealed for, and for no other", () => {
    const sealed = box.seal("bearer", "instance:ins_1");
    expect(box.open(sealed, "instance:ins_1")).toBe("bearer");
    expect(() => box.open(sealed, "instance:ins_2")).toThrow(SealError);
    expect(() => openEnvelope(master, sealed, ["instance:ins_1"])).toThrow(SealError);
  });
});

/** The envelope once for each of its bytes, that one changed by `mask`. */
function* withFlippedByte(sealed: string, mask: number): Generator<{ text: string; where: string }> {
  const segments = sealed.split(".");
  for (const which of [2, 3]) {
    const bytes = Buffer.from(segments[which] ?? "", "base64url");
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ mask;
      const text = segments.with(which, changed.toString("base64url")).join(".");
      yield { text, where: `segment ${which}, byte ${at}` };
    }
  }
}
