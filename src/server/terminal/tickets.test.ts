import { describe, expect, it } from "vitest";
import { manualClock } from "../clock.testing";
import { createTickets, TICKET_TTL_MS } from "./tickets";

const DAY_MS = 86_400_000;

describe("terminal tickets", () => {
  const clock = manualClock();
  const tickets = createTickets(clock);
  const grant = { terminalId: "trm_1", sessionId: "ses_1", userId: "usr_1" };

  it("let in once", () => {
    const { ticket } = tickets.issue(grant);
    expect(tickets.redeem(ticket)).toEqual(grant);
    expect(tickets.redeem(ticket)).toBeNull();
  });
  it("are refused after 30 s", () => {
    const { ticket } = tickets.issue(grant);
    clock.advance(TICKET_TTL_MS);
    expect(tickets.redeem(ticket)).toBeNull();
  });
  it("are good for 30 s whatever happens to the time of day, and say until when by it", () => {
    const earlier = tickets.issue(grant);
    clock.shift(-DAY_MS);
    expect(tickets.issue(grant).expiresAt).toBe(new Date(clock.now() + TICKET_TTL_MS).toISOString());
    clock.advance(TICKET_TTL_MS);
    expect(tickets.redeem(earlier.ticket)).toBeNull();
    const later = tickets.issue(grant);
    clock.shift(DAY_MS);
    expect(tickets.redeem(later.ticket)).toEqual(grant);
  });
  it("cannot be guessed from a prefix or an empty string", () => {
    const { ticket } = tickets.issue(grant);
    expect(tickets.redeem("")).toBeNull();
    expect(tickets.redeem(ticket.slice(0, -1))).toBeNull();
    expect(tickets.redeem(ticket)).toEqual(grant);
  });
});
