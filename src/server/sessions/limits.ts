/** Every time limit and size of a session's life, in one place. */
export const SESSION_LIMITS = {
  /** A new container's sidecar answers on its socket. */
  sidecarUpMs: 20_000,
  /** opencode listens, once the sidecar has its keys: twice the 30 s that one start may take, as the sidecar tries again. */
  agentReadyMs: 75_000,
  /** How often a starting instance is asked how far it is. */
  pollMs: 20,
  /** A one-time registration token is good for this long. */
  registrationTtlMs: 60_000,
  /** A turn that runs at a stop has this long to end by itself after the abort. */
  abortGraceMs: 3_000,
  /** The container has this long between SIGTERM and SIGKILL. */
  stopGraceMs: 5_000,
  /** After the container ended, what its sidecar had sent already is still taken in. */
  drainMs: 500,
  /** A session whose container ends by itself gets a new one, but not twice within this. */
  restartAgainMs: 10 * 60_000,
  /** One that ends so soon after a signal through the engine was killed by it: `docker stop` alone may wait for ten seconds. */
  killedByHandMs: 60_000,
  /** Reconnects to a sidecar's event stream: first and longest wait. */
  reconnectFirstMs: 100,
  reconnectMaxMs: 2_000,
  /** What could not be written, such as on a full disk, is tried again after this. */
  writeRetryMs: 1_000,
  /** Containers that start at the same time; the rest wait in line. */
  concurrentStarts: 4,
  /** How often an engine is asked that did not answer, before anybody in line is started. */
  engineAwayRetryMs: 2_000,
  /** Sessions in that line. */
  maxWaitingSessions: 200,
  /** Sessions that are compared with the engine at the same time; more questions at once make none of them quicker. */
  concurrentReconciles: 8,
  /** A request that nobody answers is rejected after this. */
  requestDeadlineMs: 24 * 60 * 60_000,
  /** A prompt that the agent has not taken for this long: people are told why. */
  waitingNoticeMs: 15_000,
  /** A session that nobody uses is stopped after so long, unless installation or session say otherwise. */
  idleStopMinutes: 15,
  /** Somebody is told before, and may come. */
  idleWarningMs: 60_000,
  /** How often sessions are looked at for that. */
  idleCheckMs: 5_000,
  /** A page says that somebody looks at it every third of this. */
  watchMs: 90_000,
  /** Snapshots of one session. */
  maxSnapshots: 20,
  /** A restore waits so long for the end of a backup or another snapshot. */
  copyWaitMs: 15_000,
  promptMaxBytes: 1024 * 1024,
  commandMaxChars: 64 * 1024,
  /** In one session's line. */
  maxWaitingPrompts: 100,
} as const;

/** What one container may use. */
export const INSTANCE_LIMITS = { memoryBytes: 2 * 1024 ** 3, cpus: 2, pids: 512 } as const;
