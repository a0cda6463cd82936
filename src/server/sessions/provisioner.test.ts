import { sql } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Driver, DriverError } from "../../drivers/driver";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog } from "../events/event-log";
import type { Connections } from "./connections";
import { createProvisioner, type Provisioner } from "./provisioner";
import type { Registrar } from "./registration";

describe("a start that fails", () => {
  let t: TestDatabase;
  let provisioner: Provisioner;
  let onError: () => void;
  let ended: string[];
  let failure: DriverError;
  const row = () => t.db.select().from(sessions).get();

  beforeEach(() => {
    t = testDatabase();
    t.db.update(sessions).set({ status: "creating", step: "image" }).run();
    onError = () => undefined;
    ended = [];
    failure = new DriverError("out_of_disk", "Free some space, then resume.", "ENOSPC");
    const driver: Partial<Driver> = {
      hasImage: () => Promise.reject(failure),
    };
    provisioner = createProvisioner({
      ...t,
      log: createEventLog(t),
      logger: pino({}, { write: () => onError() }),
      driver: driver as Driver,
      connections: { close: async () => undefined } as Partial<Connections> as Connections,
      registrar: {} as Registrar,
      image: "image:1",
      credentialsFor: () => [],
      meters: { startStep: () => undefined, startEnded: (outcome) => void ended.push(outcome) },
    });
  });
  afterEach(() => t[Symbol.dispose]());

  it("is told with the engine's sentence", async () => {
    await provisioner.provision(
      { sessionId: t.sessionId, since: 0, waitsForEngine: false },
      new AbortController().signal,
    );
    expect(row()).toMatchObject({ status: "error", reason: { code: "out_of_disk", detail: "ENOSPC" } });
    expect(ended).toEqual(["failed"]);
  });

  it("is told as soon as anything can be written again: no session is left creating for ever", async () => {
    t.db.run(sql`create trigger full before update on sessions begin select raise(fail, 'disk full'); end`);
    let errors = 0;
    onError = () => {
      errors += 1;
      // The failure itself, the container's row, and the failure's own: then there is room again.
      if (errors === 3) t.db.run(sql`drop trigger full`);
    };
    await provisioner.provision(
      { sessionId: t.sessionId, since: 0, waitsForEngine: false },
      new AbortController().signal,
    );
    expect(row()).toMatchObject({ status: "error", instanceId: null });
  });

  it("is no failure of who waits for the engine, where that is away; where anything else is wrong it is", async () => {
    const start = { sessionId: t.sessionId, since: 0, waitsForEngine: true };
    const { signal } = new AbortController();
    failure = new DriverError("engine_unreachable", "Start Docker.", "ECONNREFUSED");
    expect(await provisioner.provision(start, signal)).toBe("engine away");
    expect(row()).toMatchObject({ status: "creating" });
    expect(ended).toEqual([]);
    failure = new DriverError("out_of_disk", "Free some space.", "ENOSPC");
    expect(await provisioner.provision(start, signal)).toBe("ended");
    expect(row()).toMatchObject({ status: "error", reason: { code: "out_of_disk" } });
  });

  it("is not among the failures when it was called off", async () => {
    await provisioner.provision(
      { sessionId: t.sessionId, since: 0, waitsForEngine: false },
      AbortSignal.abort(),
    );
    expect(ended).toEqual([]);
  });

  it("is given up quietly when the session is stopped meanwhile", async () => {
    t.db.run(sql`create trigger full before update on sessions begin select raise(fail, 'disk full'); end`);
    const stop = new AbortController();
    onError = () => stop.abort();
    await provisioner.provision({ sessionId: t.sessionId, since: 0, waitsForEngine: false }, stop.signal);
    expect(row()).toMatchObject({ status: "creating" });
  });
});
