/** Sessions that stand still for a moment, so that their files are of one moment. */
import type Docker from "dockerode";
import { DriverError } from "../driver";
import { isConflict, isNotFound } from "./engine-error";
import { LABEL, labelFilter, volumeLabels } from "./names";
import { removeHelpers } from "./volume-files";

interface Pausing {
  /** One engine call after the other, each in time of its own: the work in between takes what it takes. */
  ask: <T>(what: string, action: (docker: Docker) => Promise<T>) => Promise<T>;
  prefix: string;
  sessionId: string;
}

/** @see Driver.whilePaused */
export async function whilePaused<T>(
  { ask, prefix, sessionId }: Pausing,
  work: () => Promise<T>,
): Promise<T> {
  const labels = labelFilter(volumeLabels(prefix, sessionId));
  const running = () =>
    ask("look which containers of the session run", async (docker) => {
      const found = await docker.listContainers({ filters: { label: [...labels, LABEL.instance] } });
      return found.map(({ Id }) => Id);
    });
  const paused: string[] = [];
  try {
    for (const id of await running()) {
      await ask("pause the session's container", (docker) => pause(docker.getContainer(id)));
      paused.push(id);
    }
    const result = await work();
    if ((await running()).some((id) => !paused.includes(id))) throw startedMeanwhile(sessionId);
    for (const id of paused)
      await ask("look whether the session's container stood still", (docker) =>
        requireStill(docker.getContainer(id), sessionId),
      );
    return result;
  } finally {
    for (const id of paused)
      await ask("let the session's container go on", (docker) => unpause(docker.getContainer(id)));
  }
}

/** @see Driver.recoverCopies */
export async function recoverCopies(docker: Docker, prefix: string): Promise<string[]> {
  await removeHelpers(docker, { [LABEL.installation]: prefix });
  const paused = await docker.listContainers({
    filters: { label: labelFilter({ [LABEL.installation]: prefix }), status: ["paused"] },
  });
  for (const { Id } of paused) await unpause(docker.getContainer(Id));
  return paused.flatMap(({ Labels }) => Labels[LABEL.session] ?? []);
}

async function pause(container: Docker.Container): Promise<void> {
  try {
    await container.pause();
  } catch (error) {
    // It has ended since it was seen: what ended writes no more.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/** One that was stopped meanwhile wakes up to end, and writes its last. @throws DriverError */
async function requireStill(container: Docker.Container, sessionId: string): Promise<void> {
  const state = await container.inspect().catch((error: unknown) => {
    if (isNotFound(error)) return null;
    throw error;
  });
  if (state?.State.Paused !== true) throw startedMeanwhile(sessionId);
}

async function unpause(container: Docker.Container): Promise<void> {
  try {
    await container.unpause();
  } catch (error) {
    // Ended or removed meanwhile, or let go by another.
    if (isNotFound(error) || isConflict(error)) return;
    const { State } = await container.inspect();
    if (State.Paused) throw error;
  }
}

function startedMeanwhile(sessionId: string): DriverError {
  return new DriverError(
    "engine_error",
    "A session was started or stopped while its files were read, so they may be of two moments. Try again.",
    sessionId,
  );
}
