import { spawn } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type Docker from "dockerode";
import { DriverError } from "../../driver";
import { toDriverError } from "../engine-error";
import { readProgress } from "./engine-stream";

export interface BootstrapOptions {
  docker: Docker;
  cacheDir: string;
  onProgress: (line: string) => void;
  /** Reference to give the image. */
  ref: string;
  /** Why the ready-made base could not be had, such as `X cannot be pulled`; told to the operator when this fails too. */
  pullFailure: string;
}

const SUITE = "bookworm";
const SOURCES = [
  `deb http://deb.debian.org/debian ${SUITE} main`,
  `deb http://deb.debian.org/debian ${SUITE}-updates main`,
  `deb http://deb.debian.org/debian-security ${SUITE}-security main`,
  "",
].join("\n");
/** What the slim images leave out too. */
const NOT_NEEDED = [
  "var/cache/apt/archives",
  "var/lib/apt/lists",
  "usr/share/doc",
  "usr/share/man",
  "usr/share/info",
  "usr/share/locale",
  "var/log/bootstrap.log",
];

/**
 * Makes a minimal Debian with debootstrap and imports it. Needs root; installs debootstrap where apt is.
 * Leaves nothing in `cacheDir`.
 * @throws DriverError `image_missing` with what to do; whatever the engine says about the import.
 */
export async function bootstrapBase(options: BootstrapOptions): Promise<void> {
  if (process.getuid?.() !== 0) throw cannot(options.pullFailure, "making one here needs root", "not root");
  const debootstrap = await findDebootstrap(options);
  await mkdir(options.cacheDir, { recursive: true });
  const dir = await mkdtemp(join(options.cacheDir, "base-"));
  try {
    options.onProgress(`debootstrap: unpacking Debian ${SUITE} (about a minute)`);
    await run(debootstrap, ["--variant=minbase", SUITE, dir], (line) => {
      if (/^I: (Base system|Installing core|Configuring required|Checking|Unpacking the base)/.test(line))
        options.onProgress(`debootstrap: ${line.slice(3)}`);
    }).catch((error: unknown) => {
      throw cannot(options.pullFailure, "debootstrap failed", String(error));
    });
    await trim(dir);
    options.onProgress(`importing ${options.ref}`);
    await importTree(options.docker, dir, options.ref);
  } finally {
    await removeTree(dir);
  }
}

async function findDebootstrap(options: BootstrapOptions): Promise<string> {
  const path = "/usr/sbin/debootstrap";
  if (await exists(path)) return path;
  if (!(await exists("/usr/bin/apt-get")))
    throw cannot(options.pullFailure, "debootstrap is not installed and there is no apt-get", path);
  options.onProgress("installing debootstrap");
  try {
    await run("/usr/bin/apt-get", ["update"], () => undefined);
    // The keyring is only recommended by the package, and without it Debian's signatures cannot be checked on Ubuntu.
    await run(
      "/usr/bin/apt-get",
      ["install", "-y", "--no-install-recommends", "debootstrap", "debian-archive-keyring"],
      () => undefined,
    );
  } catch (error) {
    throw cannot(options.pullFailure, "debootstrap cannot be installed with apt", String(error));
  }
  return path;
}

function cannot(pullFailure: string, why: string, detail: string): DriverError {
  return new DriverError(
    "image_missing",
    `There is no base image: ${pullFailure}, and ${why}. Let the engine reach a registry, load the image with \`docker load\`, or run \`npm run up\` once as root.`,
    detail,
  );
}

async function trim(dir: string): Promise<void> {
  for (const path of NOT_NEEDED) await rm(join(dir, path), { recursive: true, force: true });
  for (const path of ["var/cache/apt/archives/partial", "var/lib/apt/lists/partial"])
    await mkdir(join(dir, path), { recursive: true });
  await writeFile(join(dir, "etc/apt/sources.list"), SOURCES);
  // debootstrap copies these two from this machine; they would carry its name and its resolver into every session.
  await rm(join(dir, "etc/hostname"), { force: true });
  await rm(join(dir, "etc/resolv.conf"), { force: true });
}

async function importTree(docker: Docker, dir: string, ref: string): Promise<void> {
  const [repo, tag] = ref.split(":");
  const tar = spawn("tar", ["-C", dir, "--one-file-system", "--numeric-owner", "-c", "."], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const stream = await docker.importImage(tar.stdout, { repo, tag });
    await readProgress(docker, stream, () => undefined);
  } catch (error) {
    throw toDriverError(error, "import the base image");
  } finally {
    tar.kill();
  }
}

async function removeTree(dir: string): Promise<void> {
  const mounts = await readFile("/proc/mounts", "utf8");
  // An interrupted debootstrap can leave /proc mounted below; deleting through it would reach this machine's own.
  const below = mounts
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((point) => point.startsWith(`${dir}/`));
  for (const point of below.reverse()) await run("umount", [point], () => undefined);
  await rm(dir, { recursive: true, force: true });
}

/** Runs a program to its end; rejects with its last lines when it fails. */
async function run(command: string, args: string[], onLine: (line: string) => void): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      last.push(line);
      last.splice(0, last.length - 10);
      onLine(line);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${last.join(" | ")}`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
