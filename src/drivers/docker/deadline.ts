/** The edge of the driver's boundary: whatever goes wrong inside leaves as a DriverError, and a silent engine is something that goes wrong. */
import type Docker from "dockerode";
import { DriverError } from "../driver";
import { toDriverError } from "./engine-error";

export interface Timeouts {
  /** For what the engine answers from memory, or nearly so. */
  askMs: number;
  /** To start a container, and to remove one on top of its grace. */
  changeMs: number;
  /** To remove a session's volumes: as long as the disk takes for all their files. */
  removeFilesMs: number;
  /** To read or write a session's volumes, at the pace of whoever takes or gives the bytes. */
  copyFilesMs: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = {
  askMs: 30_000,
  changeMs: 60_000,
  removeFilesMs: 5 * 60_000,
  copyFilesMs: 2 * 60 * 60_000,
};

/** An engine whose calls end by the signal, for one act. */
export interface BoundEngine {
  docker: Docker;
  signal: AbortSignal;
}

/**
 * @param what as it reads after "it was not possible to"
 * @throws DriverError alone; `engine_unreachable` when the engine did not answer in time
 */
export async function attempt<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw toDriverError(error, what);
  }
}

/**
 * The same for engine calls. The engine holds a lock for each container, and one that it cannot get never answers: without an
 * end of its own such a call would hold up whatever waits for it, for ever.
 * @param timeoutMs for all calls of the action together
 */
export async function attemptInTime<T>(
  what: string,
  { docker, timeoutMs }: { docker: Docker; timeoutMs: number },
  action: (engine: BoundEngine) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  const { signal } = deadline;
  try {
    return await action({ docker: endedBy(signal, docker), signal });
  } catch (error) {
    throw signal.aborted && !(error instanceof DriverError)
      ? tooLate(what, timeoutMs, error)
      : toDriverError(error, what);
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(what: string, timeoutMs: number, cause: unknown): DriverError {
  return new DriverError(
    "engine_unreachable",
    `Docker did not answer in time, so it was not possible to ${what}. Look with \`docker ps\` and \`journalctl -u docker\` what the engine is waiting for; when it stays so, restart it (\`systemctl restart docker\`) and try again.`,
    `no answer within ${timeoutMs} ms`,
    { cause },
  );
}

/** What dockerode hands each of its calls to. */
interface Modem {
  dial(request: { abortSignal?: AbortSignal }, callback: unknown): void;
}

/** Behind all calls at once, as dockerode's types know of a signal for some of them only, and none may be forgotten. */
function endedBy(abortSignal: AbortSignal, docker: Docker): Docker {
  const modem = docker.modem as Modem;
  const dial: Modem["dial"] = (request, callback) => modem.dial({ ...request, abortSignal }, callback);
  const bound = Object.create(modem, { dial: { value: dial } }) as Modem;
  return Object.create(docker, { modem: { value: bound } }) as Docker;
}
