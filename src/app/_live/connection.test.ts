import { describe, expect, it } from "vitest";
import { manualPageClock } from "./clock.testing";
import { createConnection } from "./connection";

function setUp() {
  const clock = manualPageClock();
  const connection = createConnection({ clock });
  const words: string[] = [];
  connection.subscribe(() => words.push(connection.current().state));
  return { clock, connection, words };
}

describe("the connection's word", () => {
  it("is live while a page loads, and reconnecting when the first connection takes too long", () => {
    const { clock, connection, words } = setUp();
    expect(connection.current().state).toBe("live");
    clock.advance(1_500);
    expect(words).toEqual(["reconnecting"]);
  });

  it("says nothing of a connection that is back at once", () => {
    const { clock, connection, words } = setUp();
    connection.setSocket(true);
    connection.setSocket(false);
    clock.advance(1_000);
    connection.setSocket(true);
    clock.advance(60_000);
    expect(words).toEqual([]);
  });

  it("counts from when the connection went, not from when that was said", () => {
    const { clock, connection } = setUp();
    connection.setSocket(true);
    clock.advance(10_000);
    const wentMs = clock.nowMs();
    connection.setSocket(false);
    clock.advance(5_000);
    expect(connection.current()).toEqual({ state: "reconnecting", sinceMs: wentMs });
  });

  it("is behind when events are missing for more than three seconds, until all sessions have theirs", () => {
    const { clock, connection, words } = setUp();
    connection.setSocket(true);
    connection.setMissing("ses_a", true);
    clock.advance(2_000);
    connection.setMissing("ses_b", true);
    clock.advance(1_000);
    expect(words).toEqual(["behind"]);
    connection.setMissing("ses_a", false);
    expect(connection.current().state).toBe("live");
    clock.advance(2_000);
    expect(connection.current().state).toBe("behind");
    connection.setMissing("ses_b", false);
    expect(connection.current().state).toBe("live");
  });

  it("is offline before all else, and reconnecting while the server does not answer", () => {
    const { connection, words } = setUp();
    connection.setSocket(true);
    connection.setAnswered(false);
    connection.setOnline(false);
    connection.setOnline(true);
    connection.setAnswered(true);
    expect(words).toEqual(["reconnecting", "offline", "reconnecting", "live"]);
  });

  it("says what is so after a sleep", () => {
    const { clock, connection, words } = setUp();
    connection.setSocket(true);
    connection.setMissing("ses_a", true);
    clock.sleep(3_600_000);
    expect(words).toEqual(["behind"]);
  });

  it("leaves no timer and tells nobody when it is closed", () => {
    const { clock, connection, words } = setUp();
    expect(clock.waiting).toBe(1);
    connection.close();
    expect(clock.waiting).toBe(0);
    clock.advance(60_000);
    expect(words).toEqual([]);
  });
});
