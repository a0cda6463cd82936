/** The driver port over one Docker engine on this machine. */
import { cpus } from "node:os";
import type Docker from "dockerode";
import { z } from "zod";
import {
  DriverError,
  VOLUME_KINDS,
  type Driver,
  type EngineInfo,
  type InstanceIds,
  type InstanceState,
} from "../driver";
import type { Installation } from "./container-config";
import { attempt, attemptInTime, DEFAULT_TIMEOUTS, type BoundEngine, type Timeouts } from "./deadline";
import { isConflict, isNotFound, isNotModified, toDriverError } from "./engine-error";
import { recoverCopies, whilePaused } from "./pause";
import { watchEngine } from "./engine-events";
import { instanceState } from "./instance-state";
import { joinLogFrames } from "./log-frames";
import { checkInstallation, containerName, LABEL, labelFilter, volumeLabels, volumeName } from "./names";
import {
  checkRunDir,
  listRunDirectories,
  lockRunDirectory,
  prepareRunDirectory,
  removeRunDirectory,
} from "./run-directory";
import { hasNeighbours, listSessionImages, measureVolumes, removeImage } from "./stored";
import { startInstance } from "./start-instance";
import { exportVolumes, importVolumes, removeHelpers } from "./volume-files";

export interface DockerDriverOptions {
  docker: Docker;
  /** Prefix of names and value of the label `openagent.installation`, such as `oa-3f2a`. */
  instance: string;
  /** Absolute directory on the engine's host; made 0700. Its path counts against the length of a socket's path. */
  runDir: string;
  /** Seccomp profile for session containers: the JSON itself. */
  seccompProfile: string;
  timeouts?: Partial<Timeouts>;
}

/** A log's end that fits into a failure's detail. Characters. */
const MAX_TAIL_CHARS = 64 * 1024;

const engineInfo = z.object({
  ServerVersion: z.string(),
  DockerRootDir: z.string(),
  SecurityOptions: z.array(z.string()).nullish(),
});

/**
 * Holds nothing open by itself; only `watch` does, until its signal.
 * @throws Error with a sentence that names OPENAGENT_DATA_DIR or OPENAGENT_INSTANCE when that setting cannot work
 */
export function createDockerDriver(options: DockerDriverOptions): Driver {
  const { docker, runDir } = options;
  const prefix = checkInstallation(options.instance);
  checkRunDir(runDir);
  const installation: Installation = { prefix, runDir, seccompProfile: options.seccompProfile };
  const hostCpus = cpus().length;
  const { askMs, changeMs, removeFilesMs, copyFilesMs } = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const within = <T>(timeoutMs: number, what: string, action: (engine: BoundEngine) => Promise<T>) =>
    attemptInTime(what, { docker, timeoutMs }, action);
  const ask = <T>(what: string, action: (docker: Docker) => Promise<T>) =>
    within(askMs, what, (engine) => action(engine.docker));

  return {
    ping: () => ask("ask the engine for its version", ping),
    hasImage: (image) => ask("look for the session image", (engine) => hasImage(engine, image)),
    ensureVolumes: (sessionId) =>
      ask("make the session's volumes", (engine) => ensureVolumes(engine, prefix, sessionId)),
    removeVolumes: (sessionId) =>
      within(removeFilesMs, "remove the session's volumes", (engine) =>
        removeVolumes(engine.docker, prefix, sessionId),
      ),
    exportVolumes: (sessionId, take) =>
      within(copyFilesMs, "read the session's files", (engine) =>
        exportVolumes({ ...engine, prefix, sessionId }, take),
      ),
    importVolumes: (sessionId, tar) =>
      within(copyFilesMs, "write the session's files", async (engine) => {
        await ensureVolumes(engine.docker, prefix, sessionId);
        await importVolumes({ ...engine, prefix, sessionId }, tar);
      }),
    whilePaused: (sessionId, work) => whilePaused({ ask, prefix, sessionId }, work),
    recoverCopies: () => ask("let paused sessions go on", (engine) => recoverCopies(engine, prefix)),
    prepareEndpoint: (instanceId) =>
      attempt("make the session's run directory", () => prepareRunDirectory(runDir, instanceId)),
    lockEndpoint: (instanceId) =>
      attempt("lock the session's run directory", () => lockRunDirectory(runDir, instanceId)),
    start: (spec, bootLine) =>
      within(changeMs, "start the session's container", (engine) => {
        // The engine refuses to give more cores than there are; a smaller machine just gets all it has.
        const limits = { ...spec.limits, cpus: Math.min(spec.limits.cpus, hostCpus) };
        const undo = (name: string): Promise<void> =>
          within(askMs, "remove the container again", (later) => removeContainer(later.docker, name, 0));
        return startInstance({ ...engine, undo }, installation, { spec: { ...spec, limits }, bootLine });
      }),
    inspect: (instanceId) =>
      ask("look at the session's container", (engine) => inspect(engine, containerName(prefix, instanceId))),
    remove: (instanceId, graceMs) =>
      within(changeMs + graceMs, "remove the session's container", async (engine) => {
        await removeContainer(engine.docker, containerName(prefix, instanceId), graceMs);
        await removeRunDirectory(runDir, instanceId);
      }),
    list: () => ask("list the sessions' containers", (engine) => list(engine, prefix)),
    listVolumes: () => ask("list the sessions' volumes", (engine) => listVolumes(engine, prefix)),
    measureVolumes: () =>
      within(removeFilesMs, "measure the sessions' volumes", (engine) =>
        measureVolumes(engine.docker, prefix),
      ),
    listEndpoints: () => attempt("list the sessions' run directories", () => listRunDirectories(runDir)),
    hasNeighbours: () => ask("look for other installations", (engine) => hasNeighbours(engine, prefix)),
    listSessionImages: () => ask("list session images", listSessionImages),
    removeImage: (image) =>
      within(removeFilesMs, "remove an old session image", (engine) => removeImage(engine.docker, image)),
    tail: (instanceId, lines) =>
      ask("read the container's log", (engine) => tail(engine, containerName(prefix, instanceId), lines)),
    watch: (handlers, signal) => {
      void watchEngine({ docker, prefix, handlers, signal });
    },
  };
}

async function ping(docker: Docker): Promise<EngineInfo> {
  const info = engineInfo.parse(await docker.info());
  const usernsRemap = (info.SecurityOptions ?? []).some((option) =>
    /\bname=(userns|rootless)\b/.test(option),
  );
  return { version: info.ServerVersion, dataDirectory: info.DockerRootDir, usernsRemap };
}

async function hasImage(docker: Docker, image: string): Promise<boolean> {
  try {
    await docker.getImage(image).inspect();
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function ensureVolumes(docker: Docker, prefix: string, sessionId: string): Promise<void> {
  for (const kind of VOLUME_KINDS) {
    await docker.createVolume({
      Name: volumeName(prefix, sessionId, kind),
      Driver: "local",
      Labels: volumeLabels(prefix, sessionId),
    });
  }
}

async function removeVolumes(docker: Docker, prefix: string, sessionId: string): Promise<void> {
  await removeHelpers(docker, volumeLabels(prefix, sessionId));
  for (const kind of VOLUME_KINDS) {
    try {
      await docker.getVolume(volumeName(prefix, sessionId, kind)).remove();
    } catch (error) {
      if (isNotFound(error)) continue;
      if (!isConflict(error)) throw error;
      throw new DriverError(
        "engine_error",
        "The session's files are still in use by its container. Stop the session first, then delete it.",
        toDriverError(error, "remove the volume").detail,
        { cause: error },
      );
    }
  }
}

async function inspect(docker: Docker, name: string): Promise<InstanceState> {
  try {
    return instanceState(await docker.getContainer(name).inspect());
  } catch (error) {
    if (isNotFound(error)) return { kind: "gone" };
    throw error;
  }
}

async function removeContainer(docker: Docker, name: string, graceMs: number): Promise<void> {
  const container = docker.getContainer(name);
  if (graceMs > 0) {
    try {
      await container.stop({ t: Math.ceil(graceMs / 1000) });
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isNotModified(error)) throw error;
    }
  }
  try {
    // `v: false`: volumes are the truth of the work and have their own method.
    await container.remove({ force: true, v: false });
  } catch (error) {
    if (isNotFound(error)) return;
    if (!isConflict(error)) throw error;
    // Another removal is under way; when this returns the container is gone whoever removed it.
    await waitUntilRemoved(container);
  }
}

async function waitUntilRemoved(container: Docker.Container): Promise<void> {
  try {
    await container.wait({ condition: "removed" });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** By the list's own answer: one container that the engine cannot look into must not hide the others. */
async function list(docker: Docker, prefix: string): Promise<InstanceIds[]> {
  const found = await docker.listContainers({
    all: true,
    filters: { label: labelFilter({ [LABEL.installation]: prefix }) },
  });
  return found.flatMap(({ Labels }) => {
    const instanceId = Labels[LABEL.instance];
    const sessionId = Labels[LABEL.session];
    return instanceId === undefined || sessionId === undefined ? [] : [{ instanceId, sessionId }];
  });
}

const volume = z.object({ Labels: z.record(z.string(), z.string()).nullish() });

async function listVolumes(docker: Docker, prefix: string): Promise<string[]> {
  const { Volumes } = await docker.listVolumes({
    filters: { label: labelFilter({ [LABEL.installation]: prefix }) },
  });
  const found = z.array(volume).parse(Volumes ?? []);
  return [...new Set(found.flatMap(({ Labels }) => Labels?.[LABEL.session] ?? []))];
}

/** Empty when the container is gone: a failure's detail should not become a second failure. */
async function tail(docker: Docker, name: string, lines: number): Promise<string> {
  try {
    const raw = await docker
      .getContainer(name)
      .logs({ stdout: true, stderr: true, follow: false, tail: lines });
    return joinLogFrames(raw).slice(-MAX_TAIL_CHARS);
  } catch (error) {
    if (isNotFound(error)) return "";
    throw error;
  }
}
