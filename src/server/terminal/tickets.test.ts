import { describe, expect, it } from "vitest";
import { createTickets, TICKET_TTL_MS } from "./tickets";

describe("terminal tickets", () => {
  let now = 0;
  const tickets = createTickets({ now: () => now });
  const grant = { terminalId: "trm_1", sessionId: "ses_1", userId: "usr_1" };

  it("let in once", () => {
    const { ticket } = tickets.issue(grant);
    expect(tickets.redeem(ticket)).toEqual(grant);
    expect(tickets.redeem(ticket)).toBeNull();
  });
  it("are refused after 30 s", () => {
    const { ticket } = tickets.issue(grant);
    now += TICKET_TTL_MS;
    expect(tickets.redeem(ticket)).toBeNull();
  });
  it("cannot be guessed from a prefix or an empty string", () => {
    const { ticket } = tickets.issue(grant);
    expect(tickets.redeem("")).toBeNull();
    expect(tickets.redeem(ticket.slice(0, -1))).toBeNull();
    expect(tickets.redeem(ticket)).toEqual(grant);
  });
});
