const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Limits of Convex as its documentation and its open-source backend name them. The host holds to them, or to less, so that
 * whatever runs here runs there.
 */
export const LIMITS = {
  documentBytes: MIB,
  argsBytes: 16 * MIB,
  resultBytes: 16 * MIB,
  arrayLength: 8192,
  objectFields: 1024,
  /** Objects and arrays within each other, a document itself being the first. */
  documentDepth: 16,
  valueDepth: 64,
  docsRead: 32_000,
  bytesRead: 16 * MIB,
  docsWritten: 16_000,
  bytesWritten: 16 * MIB,
  rangesRead: 4096,
  /** Of a function's own code, as against the database's. */
  userTimeMs: 1000,
  /** Until a function that waits for something which never comes is given up. */
  waitMs: 10_000,
  indexFields: 16,
  indexesPerTable: 32,
} as const;

/** What one client may hold or send. */
export const SOCKET_LIMITS = {
  sockets: 1000,
  frameBytes: MIB,
  queryArgsBytes: 64 * KIB,
  queries: 1000,
  /** Messages of one client that wait to be worked on. */
  waitingMessages: 1000,
  /** Transitions handed to the network and not taken by it; more are folded into one. */
  unsentTransitions: 2,
  /** A larger transition goes in parts. */
  transitionBytes: 5_000_000,
  /** The client drops a connection on which it hears nothing for 60 s. */
  pingAfterMs: 15_000,
  silentAfterMs: 120_000,
  heartbeatMs: 5000,
} as const;
