import { setTimeout as sleep } from "node:timers/promises";
import { DriverError, type Driver } from "../drivers/driver";
import { AppError } from "./errors";
import type { Logger } from "./log";
import type { Claims } from "./people/claims";

/** `ok`, `off`, or a sentence that says what is wrong and what to do. */
export type CheckAnswer = string;

export interface Readiness {
  ready: boolean;
  checks: {
    database: CheckAnswer;
    engine: CheckAnswer;
    image: CheckAnswer;
    mirror: CheckAnswer;
    backups: CheckAnswer;
  };
}

export interface System {
  readonly version: string;
  info(): { version: string; claimed: boolean; authProviders: "credentials"[] };
  readiness(): Promise<Readiness>;
}

/** Each gives `ok`, `off` or a sentence; one that throws counts as a sentence. */
export type ReadinessChecks = Record<keyof Readiness["checks"], () => Promise<CheckAnswer>>;

/**
 * Without these nothing works. Without the mirror, or backups, sessions run and scripts are served, and pages say that they
 * show no news: a server that is taken out of service for it would serve nobody.
 */
const NEEDED = ["database", "engine", "image"] as const;
/** How long a check may take before it counts as failed. */
const CHECK_TIMEOUT_MS = 3_000;

export function createSystem(deps: {
  version: string;
  claims: Claims;
  checks: ReadinessChecks;
  log: Logger;
}): System {
  const { version, claims, checks } = deps;
  const answer = (name: keyof ReadinessChecks) =>
    answerOf(checks[name], (error) => deps.log.warn({ err: error, check: name }, "readiness check failed"));
  return {
    version,
    info: () => ({ version, claimed: claims.isClaimed(), authProviders: ["credentials"] }),
    async readiness() {
      const [database, engine, image, mirror, backups] = await Promise.all([
        answer("database"),
        answer("engine"),
        answer("image"),
        answer("mirror"),
        answer("backups"),
      ]);
      const answers = { database, engine, image, mirror, backups };
      return {
        ready: NEEDED.every((name) => answers[name] === "ok"),
        checks: answers,
      };
    },
  };
}

export function engineChecks(
  driver: Pick<Driver, "ping" | "hasImage">,
  image: string,
): Pick<ReadinessChecks, "engine" | "image"> {
  return {
    async engine() {
      await driver.ping();
      return "ok";
    },
    image: async () =>
      (await driver.hasImage(image))
        ? "ok"
        : `The session image ${image} is missing. Build it with "npm run up".`,
  };
}

async function answerOf(
  check: () => Promise<CheckAnswer>,
  onError: (error: unknown) => void,
): Promise<CheckAnswer> {
  const timeout = new AbortController();
  const late = sleep(CHECK_TIMEOUT_MS, `No answer within ${CHECK_TIMEOUT_MS / 1000} seconds.`, {
    signal: timeout.signal,
  }).catch(() => "");
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    onError(error);
    const isSentence = error instanceof DriverError || error instanceof AppError;
    return isSentence ? error.message : "The check failed: the server's log has it.";
  } finally {
    timeout.abort();
  }
}
