/**
 * A session's volumes as tar streams, by the engine's archive calls on a helper: a container that is made and never started, of
 * an image without a single file. So nothing is run, no path of the host is needed, and names are resolved by the engine inside
 * the helper alone.
 */
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import type Docker from "dockerode";
import { pack } from "tar-stream";
import { DriverError, VOLUME_KINDS, type VolumeKind } from "../driver";
import type { BoundEngine } from "./deadline";
import { isConflict, isNotFound } from "./engine-error";
import { readProgress } from "./image/engine-stream";
import { checkId, LABEL, labelFilter, volumeLabels, volumeName } from "./names";

const EMPTY_IMAGE = { repo: "openagent-empty", tag: "1" };
const EMPTY_IMAGE_REF = `${EMPTY_IMAGE.repo}:${EMPTY_IMAGE.tag}`;

export interface SessionFiles extends BoundEngine {
  prefix: string;
  sessionId: string;
}

/** @see Driver.exportVolumes */
export async function exportVolumes(
  files: SessionFiles,
  take: (kind: VolumeKind, tar: Readable) => Promise<void>,
): Promise<void> {
  await requireVolumes(files);
  await withHelper(files, async (helper) => {
    // The state first: it is what must fit the event log.
    for (const kind of ["state", "workspace"] as const) {
      const answer = await helper.getArchive({ path: `/${kind}` });
      const tar = answer instanceof Readable ? answer : new Readable().wrap(answer);
      try {
        await take(kind, tar);
      } finally {
        tar.destroy();
      }
    }
  });
}

/** @see Driver.importVolumes */
export async function importVolumes(files: SessionFiles, tar: Readable): Promise<void> {
  await withHelper(files, async (helper) => {
    // At the root: below it the engine would refuse a relative symbolic link that leads out of the directory unpacked into.
    await helper.putArchive(tar, { path: "/" });
  });
}

/** Helpers with these labels, whoever made them. */
export async function removeHelpers(docker: Docker, labels: Record<string, string>): Promise<void> {
  const label = [...labelFilter(labels), LABEL.copy];
  const found = await docker.listContainers({ all: true, filters: { label } });
  for (const { Id } of found) await removeHelper(docker.getContainer(Id));
}

/** A helper would make the volumes that are missing, and an empty session would look like one that was read. */
async function requireVolumes({ docker, prefix, sessionId }: SessionFiles): Promise<void> {
  for (const kind of VOLUME_KINDS) {
    const name = volumeName(prefix, sessionId, kind);
    try {
      await docker.getVolume(name).inspect();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw new DriverError(
        "instance_gone",
        `The volume ${name} of the session's files is not on this engine. Look with \`docker volume ls\`; when volumes there begin with another name, set OPENAGENT_INSTANCE to it.`,
        `no volume ${name}`,
        { cause: error },
      );
    }
  }
}

async function withHelper(
  { docker, prefix, sessionId }: SessionFiles,
  work: (helper: Docker.Container) => Promise<void>,
): Promise<void> {
  await ensureEmptyImage(docker);
  const helper = await docker.createContainer({
    name: `${prefix}-copy-${randomBytes(8).toString("hex")}`,
    Image: EMPTY_IMAGE_REF,
    // Asked for by the engine, and never run.
    Cmd: ["-"],
    Labels: { ...volumeLabels(prefix, checkId(sessionId)), [LABEL.copy]: "1" },
    HostConfig: {
      NetworkMode: "none",
      CapDrop: ["ALL"],
      Mounts: VOLUME_KINDS.map((kind) => ({
        Type: "volume",
        Source: volumeName(prefix, sessionId, kind),
        Target: `/${kind}`,
        ReadOnly: false,
        VolumeOptions: {
          NoCopy: true,
          Labels: volumeLabels(prefix, sessionId),
          DriverConfig: { Name: "local", Options: {} },
        },
      })),
    },
  });
  try {
    await work(helper);
  } finally {
    await removeHelper(helper);
  }
}

async function removeHelper(helper: Docker.Container): Promise<void> {
  try {
    await helper.remove({ force: true, v: false });
  } catch (error) {
    // Gone, or on its way by another's hand.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/** Made on the spot, so that copying depends on no other image and no registry. */
async function ensureEmptyImage(docker: Docker): Promise<void> {
  try {
    await docker.getImage(EMPTY_IMAGE_REF).inspect();
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const nothing = pack();
    nothing.finalize();
    const stream = await docker.importImage(Readable.from(nothing), EMPTY_IMAGE);
    await readProgress(docker, stream, () => undefined);
  }
}
