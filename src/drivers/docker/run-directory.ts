/** run/<instance> on the host: the bind-mounted directory that holds an instance's two sockets. */
import { chmod, mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename, isAbsolute, join } from "node:path";
import { PATHS } from "../../../sidecar/src/image-places";
import type { InstanceEndpoint } from "../driver";
import { checkId, isId } from "./names";

/** Node 20 cuts a longer unix socket path without a word (`sun_path` is 108 bytes with its closing zero). */
export const MAX_SOCKET_PATH_BYTES = 107;

/** The container's uids put their socket in, and none may replace another's. */
const OPEN_MODE = 0o1777;
/** Only the server, whose directory it is, makes and removes names. */
const LOCKED_MODE = 0o755;

/** As long as the ids that the server makes. */
const TYPICAL_INSTANCE_ID = `ins_${"0".repeat(32)}`;

function socketsIn(directory: string): InstanceEndpoint {
  return {
    sidecarSocket: join(directory, basename(PATHS.sidecarSocket)),
    egressSocket: join(directory, basename(PATHS.egressSocket)),
  };
}

function checkLength(directory: string): void {
  const { sidecarSocket, egressSocket } = socketsIn(directory);
  const bytes = Math.max(Buffer.byteLength(sidecarSocket), Buffer.byteLength(egressSocket));
  if (bytes <= MAX_SOCKET_PATH_BYTES) return;
  throw new Error(
    `The data directory's path is too long: a session's socket would have ${bytes} bytes and Linux takes ${MAX_SOCKET_PATH_BYTES}. ` +
      `Set OPENAGENT_DATA_DIR to a path at least ${bytes - MAX_SOCKET_PATH_BYTES} bytes shorter, such as /var/lib/openagent.`,
  );
}

/**
 * Refuses a run directory under which sockets would not work; for boot.
 * @throws Error whose sentence names OPENAGENT_DATA_DIR
 */
export function checkRunDir(runDir: string): void {
  if (!isAbsolute(runDir)) {
    throw new Error(
      `The run directory ${JSON.stringify(runDir)} is not absolute. Set OPENAGENT_DATA_DIR to an absolute path.`,
    );
  }
  checkLength(join(runDir, TYPICAL_INSTANCE_ID));
}

/** True when the instance has its directory. */
export async function hasRunDirectory(runDir: string, instanceId: string): Promise<boolean> {
  return (await modeOf(join(runDir, checkId(instanceId)))) !== null;
}

/** Ids of the instances that have one. */
export async function listRunDirectories(runDir: string): Promise<string[]> {
  const names = await readdir(runDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.filter(isId);
}

/** Permission bits; null when nothing is there. */
async function modeOf(path: string): Promise<number | null> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return found && found.mode & 0o7777;
}

/**
 * Makes the instance's directory when it is missing; one that is locked stays so.
 * The parent is 0700, so nobody else on the host gets to the sockets; the directory itself is 1777, so that the container's
 * uids may put a socket there (under a remapped engine they are uids that we do not know).
 */
export async function prepareRunDirectory(runDir: string, instanceId: string): Promise<InstanceEndpoint> {
  const directory = join(runDir, checkId(instanceId));
  checkLength(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // Explicit, as mkdir's mode is cut by the umask and does not touch a directory that exists.
  await chmod(runDir, 0o700);
  if ((await modeOf(directory)) !== LOCKED_MODE) await chmod(directory, OPEN_MODE);
  return socketsIn(directory);
}

/**
 * Takes from the container's uids the right to put anything more there. Whenever the server does not listen its socket is
 * gone, and whoever could put one in its place would be sent the sidecar's secret, and be believed to be a provider.
 */
export async function lockRunDirectory(runDir: string, instanceId: string): Promise<void> {
  await chmod(join(runDir, checkId(instanceId)), LOCKED_MODE);
}

/**
 * Removes the directory with all in it; fine when it is gone.
 * Only after the container is gone: a live one could swap a path under a recursive removal.
 */
export async function removeRunDirectory(runDir: string, instanceId: string): Promise<void> {
  await rm(join(runDir, checkId(instanceId)), { recursive: true, force: true });
}
