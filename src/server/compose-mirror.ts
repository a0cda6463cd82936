import type { IncomingMessage } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as mirrorFunctions from "../../convex/mirror";
import * as peopleFunctions from "../../convex/people";
import * as requestFunctions from "../../convex/requests";
import schema from "../../convex/schema";
import * as eventFunctions from "../../convex/sessionEvents";
import * as sessionFunctions from "../../convex/sessions";
import type { Clock } from "./clock";
import { type ConvexHost, createConvexHost } from "./convex-host/convex-host";
import type { Database } from "./db/database";
import { installationValue, setInstallationValue } from "./db/installation-value";
import { AppError } from "./errors";
import type { RequestRoute } from "./http/dispatcher";
import { httpStatusOf, refuseUpgrade } from "./http/refuse";
import type { UpgradeRoute } from "./http/upgrades";
import type { SecretBox } from "./keys/secret-box";
import type { Logger } from "./log";
import { everything, strangersThere } from "./mirror/backfill";
import { createDirtyMarks } from "./mirror/dirty-marks";
import { createMirrorTarget, type MirrorTarget } from "./mirror/mirror-target";
import { createMirrorTokens, MIRROR_AUDIENCE } from "./mirror/mirror-tokens";
import { createPusher, type MirrorLag } from "./mirror/pusher";
import { createMirrorRepair, type MirrorRepair } from "./mirror/mirror-repair";
import { mirrorCheck } from "./mirror/mirror-check";
import { createRetention } from "./mirror/retention";
import { createLiveAccess, type LiveAccess } from "./mirror/live-access";
import { loadSigningKey } from "./mirror/signing-key";

/** Where the embedded host is, on this server's own address. */
const MOUNT_PATH = "/convex";
/** A query's arguments and little else: batches come by no socket. */
const MAX_BODY_BYTES = 128 * 1024;
/** 20 calls a second at most. */
const REMOTE_INTERVAL_MS = 50;
const EMBEDDED_INTERVAL_MS = 12;
const PUSH_TIMEOUT_MS = 20_000;
const RETENTION_LOOK_MS = 60_000;
/** Row of `installation`: which mirror holds everything that is not in the outbox; empty while one is being filled. */
const MIRROR_TARGET = "mirrorTarget";

/** The functions of convex/, by module, for the embedded host. */
export const CONVEX_MODULES = {
  mirror: mirrorFunctions,
  people: peopleFunctions,
  requests: requestFunctions,
  sessionEvents: eventFunctions,
  sessions: sessionFunctions,
};

export interface MirrorServices {
  liveAccess: LiveAccess;
  /** Something may have changed: call it after each transaction. */
  wake(): void;
  /** Whether the mirror is what the log says, and how it becomes so. */
  repair: MirrorRepair;
  /** For `/readyz`. */
  check(): Promise<string>;
  /** How far what browsers watch is behind. */
  lag(): MirrorLag;
  routes: RequestRoute[];
  upgrades: UpgradeRoute[];
  stop(): Promise<void>;
}

interface Deps {
  db: Database;
  clock: Clock;
  log: Logger;
  box: SecretBox;
  /** The installation's origin. */
  origin: string;
  /** A Convex elsewhere; null: the embedded host. */
  convexUrl: URL | null;
  /** How long a person's token is good. */
  tokenSeconds: number;
}

/** What browsers watch: a Convex elsewhere, or the host in this process, and what keeps it up to date. */
export function composeMirror(deps: Deps): MirrorServices {
  const { db, clock, log, origin } = deps;
  const key = loadSigningKey(deps);
  const tokens = createMirrorTokens({ key, issuer: origin, clock, personSeconds: deps.tokenSeconds });
  const remoteUrl = deps.convexUrl === null ? null : deps.convexUrl.href.replace(/\/$/, "");
  const host =
    remoteUrl === null
      ? createConvexHost({
          schema,
          modules: CONVEX_MODULES,
          auth: { issuer: origin, applicationID: MIRROR_AUDIENCE, algorithm: "ES256", jwks: key.jwks },
          mountPath: MOUNT_PATH,
          log,
        })
      : null;
  const stopping = new AbortController();
  const target = createMirrorTarget({
    url: remoteUrl ?? `${origin}${MOUNT_PATH}`,
    tokens,
    fetch: host?.fetch ?? globalThis.fetch,
    timeoutMs: PUSH_TIMEOUT_MS,
    signal: stopping.signal,
  });
  const filling = fill({ db, log, target, clock, url: remoteUrl, signal: stopping.signal });
  const { pusher } = filling;
  const check = mirrorCheck({ pusher, clock, remoteUrl });
  return {
    liveAccess: createLiveAccess({ db, tokens, origin, mountPath: MOUNT_PATH, remoteUrl }),
    wake: pusher.wake,
    repair: createMirrorRepair({ db, target, pusher, check }),
    check,
    lag() {
      const { waiting, oldestMs, parked } = pusher.health();
      return { waiting, oldestMs, parked: parked.length };
    },
    ...(host === null ? { routes: [], upgrades: [] } : doors(host, filling.isFilled)),
    async stop() {
      // What is on its way is told again at the next start: nobody waits for a Convex that does not answer.
      stopping.abort();
      await Promise.all([host?.close(), filling.ended()]);
    },
  };
}

/** Starts the pusher; a mirror that is not the one of last time gets everything. */
function fill(deps: Pick<Deps, "db" | "log" | "clock"> & Filling) {
  const { db, log, target, url, signal } = deps;
  const now = () => deps.clock.monotonicNow();
  const dirty = createDirtyMarks({ db, now });
  const intervalMs = url === null ? EMBEDDED_INTERVAL_MS : REMOTE_INTERVAL_MS;
  const name = url ?? "embedded";
  // The host's memory is empty at each start.
  let isFilled = url !== null && installationValue(db, MIRROR_TARGET) === name;
  const startedAt = now();
  const begin = async () => {
    // One that was emptied, as when its volume was thrown away, holds nothing by the same name.
    if (isFilled && (await target.sessionIdsAfter("")).length > 0) return;
    isFilled = false;
    // From now on marks are told to this one alone.
    setInstallationValue(db, MIRROR_TARGET, "");
    if (url !== null) dirty.add(await strangersThere(db, target));
    for (const marks of everything(db, { closedToo: url !== null })) {
      dirty.add(marks);
      await nextTurn();
      signal.throwIfAborted();
    }
  };
  const pusher = createPusher({ db, target, dirty, log, begin, intervalMs, now });
  const retention = createRetention({ db, pusher, log, now });
  const looks = setInterval(retention.look, RETENTION_LOOK_MS);
  const first = async () => {
    await pusher.drained();
    if (isFilled) return;
    isFilled = true;
    setInstallationValue(db, MIRROR_TARGET, name);
    log.info({ ms: Math.round(now() - startedAt), mirror: name }, "the mirror is filled");
  };
  const done = first().catch((err: unknown) => {
    if (!signal.aborted) log.error({ err }, "the mirror could not be filled; restart the server");
  });
  return {
    pusher,
    isFilled: () => isFilled,
    /** To be called when `signal` has aborted. */
    async ended() {
      clearInterval(looks);
      await pusher.close();
      await done;
    },
  };
}

interface Filling {
  target: MirrorTarget;
  /** null: the embedded host */
  url: string | null;
  signal: AbortSignal;
}

/** Nobody comes in before it is filled: a session that is not there yet would look like one that is gone. */
function doors(
  host: ConvexHost,
  isFilled: () => boolean,
): { routes: RequestRoute[]; upgrades: UpgradeRoute[] } {
  return {
    routes: [
      {
        prefix: MOUNT_PATH,
        maxBodyBytes: MAX_BODY_BYTES,
        async handle(req, res) {
          if (!isFilled()) throw notYet();
          await host.handleRequest(req, res);
        },
      },
    ],
    upgrades: [
      {
        prefix: MOUNT_PATH,
        handle(req: IncomingMessage, socket, head) {
          if (isFilled()) host.handleUpgrade(req, socket, head);
          else refuseUpgrade(socket, httpStatusOf(notYet()), notYet().message);
        },
      },
    ],
  };
}

function notYet(): AppError {
  return new AppError(
    "SERVICE_UNAVAILABLE",
    "internal",
    "The server has just started. Try again in a moment.",
  );
}
