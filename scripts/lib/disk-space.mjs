import { statfsSync, statSync } from "node:fs";
import { askEngine } from "./engine.mjs";
import { SetupError } from "./setup-error.mjs";

export const GIB = 1024 ** 3;
/** The image 510 MB, what goes into it while it is built 330 MB, and the first session's files. */
const IMAGE_NEEDED = 1.5 * GIB;
/** Of an image that is there only the last layers are made anew. */
const REBUILD_NEEDED = GIB / 2;

/**
 * A directory that must have room.
 * @typedef {object} Disk
 * @property {string} what it is, as a sentence begins with it
 * @property {string} directory
 * @property {number} device the file system's number
 * @property {number} freeBytes
 * @property {number} neededBytes
 * @property {string} next what to do when there is too little
 */

/** @param {string} directory @returns {Pick<Disk, "directory" | "device" | "freeBytes">} */
export function diskOf(directory) {
  const { bavail, bsize } = statfsSync(directory);
  return { directory, device: statSync(directory).dev, freeBytes: bavail * bsize };
}

/**
 * @param {Disk[]} disks
 * @returns {string[]} a sentence for each file system without enough room, for the first directory on it alone
 */
export function diskProblems(disks) {
  const short = disks.filter(({ freeBytes, neededBytes }) => freeBytes < neededBytes);
  const told = short.filter(
    (disk, index) => short.findIndex(({ device }) => device === disk.device) === index,
  );
  return told.map(({ what, directory, freeBytes, neededBytes, next }) => {
    const lacking = Math.ceil(((neededBytes - freeBytes) / GIB) * 10) / 10;
    return `${what} ${directory} lacks ${lacking.toFixed(1)} GiB of free disk: ${gib(neededBytes)} are needed there, ${gib(freeBytes)} are free. ${next}`;
  });
}

/**
 * Whether the engine has room for the session image; its directory is often on another disk than the checkout.
 * @param {string} socketPath of an engine that answers
 * @throws {SetupError}
 */
export async function checkEngineDisk(socketPath) {
  const found = await lookAtEngine(socketPath);
  if (found === undefined) return;
  const problems = diskProblems([
    {
      ...found.disk,
      what: "Docker's directory",
      neededBytes: found.hasImage ? REBUILD_NEEDED : IMAGE_NEEDED,
      next: "Free some there (`docker system df` shows what Docker holds, `docker image prune` removes what nothing uses), or give Docker a larger disk by `data-root` in /etc/docker/daemon.json.",
    },
  ]);
  if (problems.length > 0) throw new SetupError(problems.join("\n"));
}

/** @param {string} socketPath */
async function lookAtEngine(socketPath) {
  try {
    const { DockerRootDir } = await askEngine(socketPath, "/info");
    const filters = encodeURIComponent(JSON.stringify({ reference: ["openagent-session"] }));
    const images = await askEngine(socketPath, `/images/json?filters=${filters}`);
    return { disk: diskOf(DockerRootDir), hasImage: images.length > 0 };
  } catch {
    // The directory may be closed to this user, as a remapped engine's is: then the build itself tells of a full disk.
    return undefined;
  }
}

/** @param {number} bytes */
export function gib(bytes) {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}
