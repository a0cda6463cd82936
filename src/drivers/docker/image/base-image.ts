import type Docker from "dockerode";
import { bootstrapBase } from "./debootstrap";
import { EngineStreamError, readProgress } from "./engine-stream";

export const PULLED_BASE = "debian:bookworm-slim";
export const BOOTSTRAPPED_BASE = "openagent-base:bookworm";

/** A pull that shows no progress for so long is given up; registries that do not answer must not cost a newcomer minutes. */
const PULL_SILENCE_MS = 20_000;

export interface BaseImageOptions {
  docker: Docker;
  /** Where a bootstrap may unpack some 300 MB for a minute; made if missing. */
  cacheDir: string;
  onProgress: (line: string) => void;
}

/**
 * The base image's reference: one that is here already, else pulled, else made with debootstrap.
 * @throws DriverError `image_missing` when it can neither be pulled nor made.
 */
export async function ensureBaseImage(options: BaseImageOptions): Promise<string> {
  for (const ref of [PULLED_BASE, BOOTSTRAPPED_BASE]) {
    if (await imageExists(options.docker, ref)) return ref;
  }
  options.onProgress(`pulling ${PULLED_BASE}`);
  const failure = await pull(options.docker, PULLED_BASE);
  if (failure === undefined) return PULLED_BASE;
  const pullFailure = `${PULLED_BASE} cannot be pulled (${failure})`;
  options.onProgress(`${pullFailure}; making a base image with debootstrap`);
  await bootstrapBase({ ...options, ref: BOOTSTRAPPED_BASE, pullFailure });
  return BOOTSTRAPPED_BASE;
}

/** False when the engine has no image of that reference. Other failures are thrown as dockerode's. */
export async function imageExists(docker: Docker, ref: string): Promise<boolean> {
  try {
    await docker.getImage(ref).inspect();
    return true;
  } catch (error) {
    if (error instanceof Error && "statusCode" in error && error.statusCode === 404) return false;
    throw error;
  }
}

/** Undefined when pulled, else why not, in one line. */
async function pull(docker: Docker, ref: string): Promise<string | undefined> {
  const aborted = new AbortController();
  const silence = setTimeout(() => aborted.abort(), PULL_SILENCE_MS);
  try {
    const stream = await docker.pull(ref, { abortSignal: aborted.signal });
    await readProgress(docker, stream, () => silence.refresh());
    return undefined;
  } catch (error) {
    if (aborted.signal.aborted) return `no answer for ${PULL_SILENCE_MS / 1000} s`;
    const reason = error instanceof EngineStreamError ? error.message : String(error);
    return reason.split("\n")[0] ?? reason;
  } finally {
    clearTimeout(silence);
  }
}
