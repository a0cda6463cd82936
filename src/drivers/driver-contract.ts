/** What every driver must do, as one suite. A driver's integration test calls it with a harness over its real engine. */
import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { copyCases } from "./driver-contract-copies";
import type { Driver, DriverError, InstanceEvent, InstanceSpec } from "./driver";
import { failureOf } from "./driver-failure.testing";

/** A driver with its engine, and the hands from outside that the cases need. */
export interface DriverHarness {
  driver: Driver;
  /** The same driver, pointed at an engine that is not there. */
  driverWithoutEngine: Driver;
  /** An image whose program runs until it is killed. */
  image: string;
  /** Ends the instance behind the driver's back, at once. */
  kill(instanceId: string): Promise<void>;
  /** Takes more memory inside the instance than it has. */
  exhaustMemory(instanceId: string): Promise<void>;
  isPaused(instanceId: string): Promise<boolean>;
  /** Everything that the engine tells about the instance, as text. */
  describe(instanceId: string): Promise<string>;
  /** Makes an empty image that bears this product's label, by this name. */
  makeImage(ref: string): Promise<void>;
  /** Puts an instance and a volume of another installation on the engine; `intact` says whether both are still there. */
  plantDecoy(): Promise<{ intact(): Promise<boolean> }>;
  /** Removes all that the harness and its driver made. */
  dispose(): Promise<void>;
}

/** Room for all that the image's program starts: one that runs out of memory by itself would be mistaken for a case's doing. */
export const LIMITS = { memoryBytes: 640 * 1024 ** 2, cpus: 1, pids: 128 };

function newId(prefix: "ses" | "ins"): string {
  return `${prefix}_${randomBytes(16).toString("hex")}`;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** @param makeHarness called once for the suite; the suite disposes of it */
export function driverContract(name: string, makeHarness: () => Promise<DriverHarness>): void {
  describe(`${name} driver`, () => {
    const suite: { harness?: DriverHarness; specs: InstanceSpec[] } = { specs: [] };
    const harness = (): DriverHarness => {
      if (suite.harness === undefined) throw new Error("the harness was not made");
      return suite.harness;
    };
    const newSpec = (changes: Partial<InstanceSpec> = {}): InstanceSpec => {
      const spec = {
        instanceId: newId("ins"),
        sessionId: newId("ses"),
        image: harness().image,
        limits: LIMITS,
        ...changes,
      };
      suite.specs.push(spec);
      return spec;
    };
    const bootLine = (spec: InstanceSpec, token = randomBytes(32).toString("base64url")): string =>
      JSON.stringify({ token, sessionId: spec.sessionId, instanceId: spec.instanceId });
    const started = async (): Promise<InstanceSpec> => {
      const spec = newSpec();
      await harness().driver.start(spec, bootLine(spec));
      return spec;
    };

    beforeAll(async () => {
      suite.harness = await makeHarness();
    });
    afterAll(async () => {
      await suite.harness?.dispose();
    });
    beforeEach(() => {
      suite.specs = [];
    });
    afterEach(async () => {
      for (const spec of suite.specs) {
        await harness().driver.remove(spec.instanceId, 0);
        await harness().driver.removeVolumes(spec.sessionId);
      }
    });

    engineCases(harness);
    lifeCases({ harness, newSpec, started, bootLine });
    volumeCases({ harness, newSpec, started, bootLine });
    copyCases({ harness, newSpec, started, bootLine });
    watchCases({ harness, newSpec, started, bootLine });
  });
}

/** What the suite gives its cases. */
export interface Tools {
  harness: () => DriverHarness;
  newSpec: (changes?: Partial<InstanceSpec>) => InstanceSpec;
  started: () => Promise<InstanceSpec>;
  bootLine: (spec: InstanceSpec, token?: string) => string;
}

function engineCases(harness: () => DriverHarness): void {
  it("tells the engine's version and whether an image is there", async () => {
    const { driver, image } = harness();
    expect((await driver.ping()).version).toMatch(/\d/);
    expect(await driver.hasImage(image)).toBe(true);
    expect(await driver.hasImage("openagent-no-such-image:0")).toBe(false);
  });

  it("says engine_unreachable with the next step when there is no engine", async () => {
    const driver = harness().driverWithoutEngine;
    const spec: InstanceSpec = {
      instanceId: newId("ins"),
      sessionId: newId("ses"),
      image: "any:1",
      limits: LIMITS,
    };
    const calls = [
      driver.ping(),
      driver.hasImage("any:1"),
      driver.ensureVolumes(spec.sessionId),
      driver.removeVolumes(spec.sessionId),
      driver.start(spec, "{}"),
      driver.inspect(spec.instanceId),
      driver.remove(spec.instanceId, 0),
      driver.list(),
      driver.listVolumes(),
      driver.measureVolumes(),
      driver.hasNeighbours(),
      driver.listSessionImages(),
      driver.removeImage({ id: "sha256:0", refs: ["any:1"], createdAt: "", bytes: 0 }),
      driver.tail(spec.instanceId, 1),
      driver.exportVolumes(spec.sessionId, async () => undefined),
      driver.importVolumes(spec.sessionId, Readable.from([])),
      driver.whilePaused(spec.sessionId, async () => undefined),
      driver.recoverCopies(),
    ];
    for (const error of await Promise.all(calls.map(failureOf))) {
      expect(error.code).toBe("engine_unreachable");
      expect(error.message).toMatch(/Start .*\.$/);
    }
  });
}

function lifeCases({ harness, newSpec, started, bootLine }: Tools): void {
  it("runs an instance and finds it by its ids", async () => {
    const { driver } = harness();
    const spec = await started();
    expect(await driver.inspect(spec.instanceId)).toMatchObject({ kind: "running" });
    const mine = (await driver.list()).filter((info) => info.instanceId === spec.instanceId);
    expect(mine).toEqual([{ instanceId: spec.instanceId, sessionId: spec.sessionId }]);
  });

  it("shows the boot line's token nowhere outside the container", async () => {
    const spec = newSpec();
    const token = randomBytes(32).toString("base64url");
    await harness().driver.start(spec, bootLine(spec, token));
    const shown = await harness().describe(spec.instanceId);
    expect(shown.includes(spec.instanceId)).toBe(true);
    expect(shown.includes(token)).toBe(false);
  });

  it("leaves nothing behind when the image is missing", async () => {
    const { driver } = harness();
    const spec = newSpec({ image: "openagent-no-such-image:0" });
    const error = await failureOf(driver.start(spec, bootLine(spec)));
    expect(error.code).toBe("image_missing");
    expect(error.message).toMatch(/\.$/);
    expect(await driver.inspect(spec.instanceId)).toEqual({ kind: "gone" });
    expect((await driver.list()).map((info) => info.instanceId)).not.toContain(spec.instanceId);
    expect(await driver.listVolumes()).not.toContain(spec.sessionId);
  });

  it("leaves nothing behind when the boot line or the limits are refused", async () => {
    const { driver } = harness();
    const spec = newSpec();
    await failureOf(driver.start(spec, "two\nlines"));
    const tiny = newSpec({ limits: { ...LIMITS, memoryBytes: 1 } });
    await failureOf(driver.start(tiny, bootLine(tiny)));
    const known = (await driver.list()).map((info) => info.instanceId);
    expect(known).not.toContain(spec.instanceId);
    expect(known).not.toContain(tiny.instanceId);
  });

  it("says name_taken for an instance that is there already, and leaves that one alone", async () => {
    const { driver } = harness();
    const spec = await started();
    expect((await failureOf(driver.start(spec, bootLine(spec)))).code).toBe("name_taken");
    expect(await driver.inspect(spec.instanceId)).toMatchObject({ kind: "running" });
  });

  it("removes an instance with its run directory, and again without complaint", async () => {
    const { driver } = harness();
    const spec = newSpec();
    const endpoint = await driver.prepareEndpoint(spec.instanceId);
    await driver.start(spec, bootLine(spec));
    const directory = endpoint.egressSocket.slice(0, endpoint.egressSocket.lastIndexOf("/"));
    expect(await exists(directory)).toBe(true);
    await driver.remove(spec.instanceId, 1_000);
    await driver.remove(spec.instanceId, 1_000);
    expect(await driver.inspect(spec.instanceId)).toEqual({ kind: "gone" });
    expect(await exists(directory)).toBe(false);
  });

  it("removes once when asked twice at a time", async () => {
    const { driver } = harness();
    const spec = await started();
    await Promise.all([driver.remove(spec.instanceId, 0), driver.remove(spec.instanceId, 0)]);
    expect(await driver.inspect(spec.instanceId)).toEqual({ kind: "gone" });
  });

  it("has an empty log end for an instance that is gone", async () => {
    expect(await harness().driver.tail(newId("ins"), 10)).toBe("");
  });

  it("refuses what is not an id", async () => {
    const { driver } = harness();
    for (const id of ["../../etc", "ins_1;rm", ""]) {
      await failureOf(driver.prepareEndpoint(id));
      await failureOf(driver.lockEndpoint(id));
      await failureOf(driver.remove(id, 0));
      await failureOf(driver.removeVolumes(id));
    }
  });
}

function volumeCases({ harness, newSpec, started, bootLine }: Tools): void {
  it("keeps a session's volumes when its instance goes, and removes them when asked, twice", async () => {
    const { driver } = harness();
    const spec = newSpec();
    await driver.ensureVolumes(spec.sessionId);
    await driver.ensureVolumes(spec.sessionId);
    await driver.start(spec, bootLine(spec));
    await driver.remove(spec.instanceId, 0);
    expect(await driver.listVolumes()).toContain(spec.sessionId);
    await driver.removeVolumes(spec.sessionId);
    await driver.removeVolumes(spec.sessionId);
    expect(await driver.listVolumes()).not.toContain(spec.sessionId);
  });

  it("does not remove volumes under a running instance", async () => {
    const { driver } = harness();
    const spec = await started();
    const error = await failureOf(driver.removeVolumes(spec.sessionId));
    expect(error.message).toMatch(/Stop the session first/);
    expect(await driver.listVolumes()).toContain(spec.sessionId);
  });

  it("measures what volumes hold, and lists run directories until they are removed", async () => {
    const { driver } = harness();
    const spec = newSpec();
    await driver.prepareEndpoint(spec.instanceId);
    expect(await driver.listEndpoints()).toContain(spec.instanceId);
    await driver.start(spec, bootLine(spec));
    const sizes = await driver.measureVolumes();
    expect(sizes.map(({ sessionId }) => sessionId)).toEqual([spec.sessionId]);
    expect(sizes[0]?.state).toBeGreaterThanOrEqual(0);
    await driver.remove(spec.instanceId, 0);
    expect(await driver.listEndpoints()).not.toContain(spec.instanceId);
  });

  it("lists session images with no name but ours, and removes one that no container has", async () => {
    const { driver } = harness();
    const name = `test-${randomBytes(4).toString("hex")}`;
    const [loose, theirs] = [`openagent-session:${name}`, `somebody-else:${name}`];
    const listed = async () =>
      (await driver.listSessionImages()).flatMap(({ refs }) => refs).filter((ref) => ref.endsWith(name));
    await harness().makeImage(theirs);
    expect(await listed()).toEqual([]);
    await harness().makeImage(loose);
    const image = (await driver.listSessionImages()).find(({ refs }) => refs.includes(loose));
    expect(image).toMatchObject({ refs: [loose] });
    if (image === undefined) return;
    const spec = newSpec({ image: loose });
    await failureOf(driver.start(spec, bootLine(spec)));
    expect(await driver.removeImage(image)).toBe(true);
    expect(await driver.removeImage(image)).toBe(true);
    expect(await driver.hasImage(loose)).toBe(false);
    expect(await driver.hasImage(theirs)).toBe(true);
    const used = { id: "", refs: [harness().image], createdAt: "", bytes: 0 };
    await started();
    expect(await driver.removeImage(used)).toBe(false);
    expect(await driver.hasImage(harness().image)).toBe(true);
  });

  it("neither lists nor touches another installation's", async () => {
    const { driver } = harness();
    const decoy = await harness().plantDecoy();
    expect(await driver.hasNeighbours()).toBe(true);
    const spec = await started();
    expect((await driver.list()).map((info) => info.instanceId)).toEqual([spec.instanceId]);
    expect(await driver.listVolumes()).toEqual([spec.sessionId]);
    for (const info of await driver.list()) await driver.remove(info.instanceId, 0);
    for (const sessionId of await driver.listVolumes()) await driver.removeVolumes(sessionId);
    expect(await decoy.intact()).toBe(true);
  });
}

function watchCases({ harness, started }: Tools): void {
  const watching = async () => {
    const stop = new AbortController();
    const seen = { events: [] as InstanceEvent[], resyncs: 0, errors: [] as DriverError[] };
    harness().driver.watch(
      {
        onEvent: (event) => seen.events.push(event),
        onResync: () => (seen.resyncs += 1),
        onError: (error) => seen.errors.push(error),
      },
      stop.signal,
    );
    await expect.poll(() => seen.resyncs).toBe(1);
    return { seen, [Symbol.dispose]: () => stop.abort() };
  };

  it("reports that an instance was killed from outside", async () => {
    const spec = await started();
    using watch = await watching();
    await harness().kill(spec.instanceId);
    const event: InstanceEvent = { instanceId: spec.instanceId, sessionId: spec.sessionId, kind: "died" };
    await expect.poll(() => watch.seen.events).toContainEqual(event);
    expect(await harness().driver.inspect(spec.instanceId)).toMatchObject({
      kind: "exited",
      exitCode: 137,
      outOfMemory: false,
    });
    expect(watch.seen.errors).toEqual([]);
  });

  it("reports that an instance ran out of memory", async () => {
    const spec = await started();
    using watch = await watching();
    await harness().exhaustMemory(spec.instanceId);
    const event: InstanceEvent = { instanceId: spec.instanceId, sessionId: spec.sessionId, kind: "oom" };
    await expect.poll(() => watch.seen.events).toContainEqual(event);
  });

  it("reports the engine's absence to whoever watches, and ends by the signal", async () => {
    const stop = new AbortController();
    const errors: DriverError[] = [];
    const onError = (error: DriverError): void => void errors.push(error);
    harness().driverWithoutEngine.watch({ onEvent: () => {}, onResync: () => {}, onError }, stop.signal);
    await expect.poll(() => errors.length).toBeGreaterThan(0);
    stop.abort();
    expect(errors[0]?.code).toBe("engine_unreachable");
  });
}
