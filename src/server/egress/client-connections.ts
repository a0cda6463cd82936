/** An instance's own connections, told apart so that the session's programs cannot keep out its model calls. */
import type { Socket } from "node:net";
import { EgressError } from "./egress-error";

export interface ConnectionLimits {
  /** Open connections of the session's programs; the next one is told so with 503. */
  maxConnections: number;
  /** Room on top of that for marked connections alone. */
  reservedForMarked: number;
}

/** Connections whose head has not come; above this the one that has waited longest is closed, as the sidecar's sends it at once. */
const MAX_UNKNOWN = 512;

export class ClientConnections {
  /** Without a request yet, or with one that was not let in. Oldest first. */
  readonly #unknown = new Set<Socket>();
  readonly #marked = new Set<Socket>();
  readonly #unmarked = new Set<Socket>();

  constructor(private readonly limits: ConnectionLimits) {}

  add(socket: Socket): void {
    this.#unknown.add(socket);
    socket.once("close", () => this.#forget(socket));
    const [oldest] = this.#unknown;
    if (this.#unknown.size <= MAX_UNKNOWN || oldest === undefined) return;
    this.#unknown.delete(oldest);
    oldest.destroy();
  }

  /**
   * Counts the connection from now on as what its request says it is.
   * @throws EgressError `busy` when there is no room for another of its kind
   */
  admit(socket: Socket, marked: boolean): void {
    // Its close is over, so nobody would take it out again.
    if (socket.destroyed) return;
    // A program that goes on with a connection of its own needs no more room.
    this.#forget(socket);
    if (!this.#hasRoom(marked)) {
      this.#unknown.add(socket);
      throw new EgressError(
        "busy",
        `This session has ${this.limits.maxConnections} connections open, and that is the limit. Close some, then try again.`,
      );
    }
    (marked ? this.#marked : this.#unmarked).add(socket);
  }

  #hasRoom(marked: boolean): boolean {
    const { maxConnections, reservedForMarked } = this.limits;
    return marked
      ? this.#marked.size + this.#unmarked.size < maxConnections + reservedForMarked
      : this.#unmarked.size < maxConnections;
  }

  #forget(socket: Socket): void {
    for (const sockets of [this.#unknown, this.#marked, this.#unmarked]) sockets.delete(socket);
  }

  destroyAll(): void {
    for (const socket of [...this.#unknown, ...this.#marked, ...this.#unmarked]) socket.destroy();
  }
}
