import { randomBytes } from "node:crypto";
import type { Clock } from "../clock";

export const TICKET_TTL_MS = 30_000;

/** What a ticket lets its bearer do: attach to this one terminal, as this person, once. */
export interface TicketGrant {
  terminalId: string;
  sessionId: string;
  userId: string;
}

/** Single-use tickets for the socket handshake, so that no lasting secret stands in it. Held in memory: a restart voids them. */
export interface Tickets {
  issue(grant: TicketGrant): { ticket: string; expiresAt: string };
  /** @returns null when unknown, used or too old. */
  redeem(ticket: string): TicketGrant | null;
}

export function createTickets(clock: Clock): Tickets {
  /** `goodUntilMs`: on the monotonic clock. */
  const held = new Map<string, { grant: TicketGrant; goodUntilMs: number }>();
  return {
    issue(grant) {
      const now = clock.monotonicNow();
      for (const [ticket, entry] of held) if (entry.goodUntilMs <= now) held.delete(ticket);
      const ticket = randomBytes(32).toString("base64url");
      held.set(ticket, { grant, goodUntilMs: now + TICKET_TTL_MS });
      return { ticket, expiresAt: new Date(clock.now() + TICKET_TTL_MS).toISOString() };
    },
    redeem(ticket) {
      const entry = held.get(ticket);
      held.delete(ticket);
      return entry && entry.goodUntilMs > clock.monotonicNow() ? entry.grant : null;
    },
  };
}
