import type Docker from "dockerode";
import { DriverError } from "../../driver";
import { toDriverError } from "../engine-error";
import { LABEL } from "../names";
import { ensureBaseImage, imageExists } from "./base-image";
import { packContext } from "./context";
import { EngineStreamError, readProgress } from "./engine-stream";
import { type ImageInputOptions, type ImageInputs, readImageInputs, sessionImageRef } from "./inputs";

export interface SessionImageOptions extends ImageInputOptions {
  docker: Docker;
  /** Scratch space for making a base image; made if missing, left empty. */
  cacheDir: string;
  /** Lines for people, such as `step 3/12 RUN …`. */
  onProgress: (line: string) => void;
}

/**
 * Builds the session image unless the engine has one of the same inputs.
 * `dist/sidecar/main.mjs` must be there (scripts/build-sidecar.mjs).
 * @throws DriverError
 */
export async function ensureSessionImage(
  options: SessionImageOptions,
): Promise<{ ref: string; built: boolean }> {
  const inputs = await readImageInputs(options);
  const ref = sessionImageRef(inputs);
  try {
    if (await imageExists(options.docker, ref)) return { ref, built: false };
    const base = await ensureBaseImage(options);
    await build(options, { inputs, ref, base });
  } catch (error) {
    throw asDriverError(error);
  }
  return { ref, built: true };
}

function asDriverError(error: unknown): DriverError {
  if (error instanceof DriverError) return error;
  if (error instanceof EngineStreamError && !/no space left/i.test(error.message)) {
    return new DriverError(
      "engine_error",
      "The session image could not be built. Mend what the build's last lines name (often the way to the package mirror), then try again.",
      `${error.output}\n${error.message}`,
      { cause: error },
    );
  }
  return toDriverError(error, "build the session image");
}

async function build(
  options: SessionImageOptions,
  plan: { inputs: ImageInputs; ref: string; base: string },
): Promise<void> {
  const { docker, onProgress } = options;
  const context = packContext(plan.inputs.entries);
  const aborted = new AbortController();
  // A context that breaks off would leave the engine waiting for the rest for ever.
  const packing = context.done.catch((error: unknown) => {
    aborted.abort();
    throw error;
  });
  const building = docker
    .buildImage(context.stream, {
      t: plan.ref,
      dockerfile: "Dockerfile",
      labels: { [LABEL.image]: "session" },
      buildargs: { BASE: plan.base, AGENT_UID: String(plan.inputs.agentUid) },
      rm: true,
      forcerm: true,
      abortSignal: aborted.signal,
    })
    .then((stream) => readProgress(docker, stream, ({ stream: text }) => report(text, onProgress)));
  // The context's own failure is the cause; the engine's complaint about it only follows.
  const [packed, built] = await Promise.allSettled([packing, building]);
  if (built.status === "fulfilled") return;
  throw packed.status === "rejected" ? packed.reason : built.reason;
}

function report(text: string | undefined, onProgress: (line: string) => void): void {
  const step = /^Step (\d+)\/(\d+) : (.*)/.exec(text ?? "");
  if (step) onProgress(`step ${step[1]}/${step[2]} ${(step[3] ?? "").replace(/\s+/g, " ").slice(0, 80)}`);
}
