import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Docker from "dockerode";
import { pack } from "tar-stream";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { PATHS } from "../../../sidecar/src/image-places";
import type { Driver, InstanceSpec } from "../driver";
import { driverContract, LIMITS, type DriverHarness } from "../driver-contract";
import { createDockerDriver } from "./docker-driver";
import { ensureSessionImage } from "./image/session-image";
import { LABEL } from "./names";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const SECCOMP = join(ROOT, "docker/seccomp.json");

async function sessionImage(docker: Docker): Promise<string> {
  const given = process.env.OPENAGENT_SESSION_IMAGE;
  if (given !== undefined) return given;
  const { ref } = await ensureSessionImage({
    docker,
    rootDir: ROOT,
    cacheDir: join(ROOT, ".cache"),
    extraCaFile: process.env.EXTRA_CA_FILE,
    onProgress: () => {},
  });
  return ref;
}

interface Setup {
  docker: Docker;
  prefix: string;
  runDir: string;
  driver: Driver;
  image: string;
  container(instanceId: string): Docker.Container;
  exec(instanceId: string, command: string): Promise<string>;
  dispose(): Promise<void>;
}

function newSpec(image: string): InstanceSpec {
  return {
    instanceId: `ins_${randomBytes(16).toString("hex")}`,
    sessionId: `ses_${randomBytes(16).toString("hex")}`,
    image,
    limits: LIMITS,
  };
}

/** What the real sidecar takes: with any other line it ends, and its container with it. */
function bootLine({ sessionId, instanceId }: InstanceSpec): string {
  return JSON.stringify({ token: randomBytes(32).toString("base64url"), sessionId, instanceId });
}

async function setUp(): Promise<Setup> {
  const docker = new Docker();
  const prefix = `oa-test-${randomBytes(4).toString("hex")}`;
  const runDir = await mkdtemp(join(tmpdir(), "oa-"));
  const seccompProfile = await readFile(SECCOMP, "utf8");
  const driver = createDockerDriver({ docker, instance: prefix, runDir, seccompProfile });
  const container = (instanceId: string) => docker.getContainer(`${prefix}-${instanceId}`);
  return {
    docker,
    prefix,
    runDir,
    driver,
    image: await sessionImage(docker),
    container,
    exec: (instanceId, command) => exec(docker, container(instanceId), command),
    dispose: async () => {
      try {
        for (const { instanceId } of await driver.list()) await driver.remove(instanceId, 0);
        for (const sessionId of await driver.listVolumes()) await driver.removeVolumes(sessionId);
      } finally {
        await rm(runDir, { recursive: true, force: true });
      }
    },
  };
}

/** For a describe: set-ups that go away after the test that made them. */
function setUpForEach(): () => Promise<Setup> {
  const made: Setup[] = [];
  afterEach(async () => {
    for (const setup of made.splice(0)) await setup.dispose();
  });
  return async () => {
    const setup = await setUp();
    made.push(setup);
    return setup;
  };
}

/** Runs a shell command as root in the container; its output, both streams, when it has ended. */
async function exec(docker: Docker, container: Docker.Container, command: string): Promise<string> {
  const created = await container.exec({
    Cmd: ["sh", "-c", `{ ${command}\n} 2>&1`],
    User: "0",
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await created.start({});
  const chunks: Buffer[] = [];
  const sink = { write: (chunk: Buffer) => chunks.push(chunk) };
  docker.modem.demuxStream(
    stream,
    sink as unknown as NodeJS.WritableStream,
    sink as unknown as NodeJS.WritableStream,
  );
  await new Promise((resolve) => stream.on("end", resolve));
  return Buffer.concat(chunks).toString();
}

async function plantDecoy(docker: Docker, image: string, cleanUp: (() => Promise<void>)[]) {
  const other = `oa-decoy-${randomBytes(4).toString("hex")}`;
  const labels = {
    [LABEL.installation]: other,
    [LABEL.session]: "ses_decoydecoy",
    [LABEL.instance]: "ins_decoydecoy",
  };
  const container = await docker.createContainer({ name: other, Image: image, Labels: labels });
  await docker.createVolume({ Name: other, Labels: labels });
  cleanUp.push(async () => {
    await container.remove({ force: true });
    await docker.getVolume(other).remove();
  });
  return {
    intact: async () => {
      const [theirs, volume] = await Promise.all([container.inspect(), docker.getVolume(other).inspect()]);
      return theirs.Name === `/${other}` && volume.Name === other;
    },
  };
}

/** Each of its own content, so that two names are two images. */
async function makeImage(docker: Docker, ref: string, cleanUp: (() => Promise<void>)[]): Promise<void> {
  const context = pack();
  context.entry({ name: "Dockerfile" }, `FROM scratch\nLABEL name="${ref}"\nCMD ["/none"]\n`);
  context.finalize();
  const building = await docker.buildImage(Readable.from(context), {
    t: ref,
    labels: { [LABEL.image]: "session" },
  });
  await new Promise<void>((resolve, reject) =>
    docker.modem.followProgress(building, (error) => (error === null ? resolve() : reject(error))),
  );
  cleanUp.push(async () => {
    await docker
      .getImage(ref)
      .remove()
      .catch(() => {
        // The case removed it.
      });
  });
}

async function makeHarness(): Promise<DriverHarness> {
  const setup = await setUp();
  const { docker, driver, image, runDir } = setup;
  const cleanUp: (() => Promise<void>)[] = [];
  return {
    driver,
    image,
    driverWithoutEngine: createDockerDriver({
      docker: new Docker({ socketPath: join(runDir, "no-engine.sock") }),
      instance: setup.prefix,
      runDir,
      seccompProfile: "{}",
    }),
    kill: (instanceId) => setup.container(instanceId).kill(),
    exhaustMemory: async (instanceId) => void (await setup.exec(instanceId, "tail /dev/zero")),
    isPaused: async (instanceId) => (await setup.container(instanceId).inspect()).State.Paused,
    describe: async (instanceId) => {
      const container = setup.container(instanceId);
      return JSON.stringify([
        await container.inspect(),
        await container.top(),
        await driver.tail(instanceId, 1000),
      ]);
    },
    makeImage: (ref) => makeImage(docker, ref, cleanUp),
    plantDecoy: () => plantDecoy(docker, image, cleanUp),
    dispose: async () => {
      try {
        for (const step of cleanUp) await step();
      } finally {
        await setup.dispose();
      }
    },
  };
}

driverContract("docker", makeHarness);

describe("a container of the docker driver", () => {
  const spec = newSpec("");
  const held: { setup?: Setup } = {};
  const setup = (): Setup => {
    if (held.setup === undefined) throw new Error("set-up failed");
    return held.setup;
  };

  beforeAll(async () => {
    held.setup = await setUp();
    spec.image = held.setup.image;
    await held.setup.driver.start(spec, bootLine(spec));
  });
  afterAll(async () => {
    await held.setup?.dispose();
  });

  it("is what the golden specification says, as the engine tells it back", async () => {
    const { prefix, runDir } = setup();
    const inspected = await setup().container(spec.instanceId).inspect();
    const { HostConfig, Config, NetworkSettings, Mounts } = inspected;
    expect(HostConfig).toMatchObject({
      Privileged: false,
      NetworkMode: "none",
      PidMode: "",
      IpcMode: "private",
      UsernsMode: "",
      UTSMode: "",
      CapDrop: ["ALL"],
      CapAdd: ["SETUID", "SETGID", "KILL"],
      Devices: [],
      Binds: null,
      PortBindings: {},
      ReadonlyRootfs: true,
      Memory: spec.limits.memoryBytes,
      MemorySwap: spec.limits.memoryBytes,
      NanoCpus: spec.limits.cpus * 1e9,
      PidsLimit: spec.limits.pids,
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "local", Config: { "max-size": "10m", "max-file": "2" } },
    });
    expect(HostConfig.SecurityOpt).toEqual([
      "no-new-privileges",
      `seccomp=${await readFile(SECCOMP, "utf8")}`,
    ]);
    expect(Object.keys(NetworkSettings.Networks)).toEqual(["none"]);
    expect(NetworkSettings.Ports).toEqual({});
    expect(Config.Labels).toMatchObject({
      "openagent.installation": prefix,
      "openagent.session": spec.sessionId,
      "openagent.instance": spec.instanceId,
    });
    expect(Mounts.map((m) => [m.Type, m.Name ?? m.Source, m.Destination]).sort()).toEqual([
      ["bind", join(runDir, spec.instanceId), "/run/openagent"],
      ["volume", `${prefix}-${spec.sessionId}-state`, "/state"],
      ["volume", `${prefix}-${spec.sessionId}-workspace`, "/workspace"],
    ]);
  });

  it("has its walls inside, too", async () => {
    const seen = await setup().exec(
      spec.instanceId,
      [
        "touch /etc/x || echo root-is-read-only",
        "printf '#!/bin/sh\\necho tmp-runs-programs\\n' > /tmp/x; chmod +x /tmp/x; /tmp/x; stat -c 'tmp-mode-%a' /tmp",
        "stat -c 'run-mode-%a' /run/openagent",
        "echo core-$(ulimit -c)-$(ulimit -Hc) files-$(ulimit -n)",
        "sed -n 's/^CapBnd:\\s*/bounding-/p; s/^NoNewPrivs:\\s*/no-new-privileges-/p; s/^Seccomp:\\s*/seccomp-/p' /proc/self/status",
        "echo interfaces-$(ls /sys/class/net | tr '\\n' ,)",
        "unshare --net true || echo no-namespaces",
        "df -k /tmp | awk 'END { print \"tmp-kib-\" $2 }'",
      ].join("\n"),
    );
    for (const fact of [
      "root-is-read-only",
      "tmp-runs-programs",
      "tmp-mode-1777",
      "run-mode-1777",
      "core-0-0 files-16384",
      "bounding-00000000000000e0",
      "no-new-privileges-1",
      "seccomp-2",
      "interfaces-lo,",
      "no-namespaces",
      "tmp-kib-524288",
    ]) {
      expect(seen).toContain(fact);
    }
  });
});

describe("a locked endpoint", () => {
  const newSetup = setUpForEach();

  it("lets the server listen, and nobody inside put a socket in its place while it does not", async () => {
    const setup = await newSetup();
    const spec = newSpec(setup.image);
    const { egressSocket } = await setup.driver.prepareEndpoint(spec.instanceId);
    await setup.driver.start(spec, bootLine(spec));
    const asAgent = "setpriv --reuid 1000 --regid 1000 --clear-groups";
    const asSidecar = "setpriv --reuid 900 --regid 900 --clear-groups";
    const put = (as: string) => setup.exec(spec.instanceId, `${as} touch ${PATHS.egressSocket} && echo put`);
    expect(await put(asAgent)).toBe("put\n");
    await rm(egressSocket);

    await setup.driver.lockEndpoint(spec.instanceId);
    await setup.driver.prepareEndpoint(spec.instanceId);
    for (const as of [asAgent, asSidecar]) expect(await put(as)).toMatch(/Permission denied/);
    await writeFile(egressSocket, "");
    const remove = `${asAgent} rm ${PATHS.egressSocket} || ${asAgent} mv ${PATHS.egressSocket} /tmp/x`;
    expect(await setup.exec(spec.instanceId, remove)).toMatch(/rm: .*denied[^]*mv: .*denied/);
  });
});

describe("a start that fails", () => {
  const newSetup = setUpForEach();

  it("after the create leaves no container and no run directory, but the directory that was there before", async () => {
    const setup = await newSetup();
    const broken = createDockerDriver({
      docker: setup.docker,
      instance: setup.prefix,
      runDir: setup.runDir,
      // The engine reads the profile when it starts the container, not when it creates it.
      seccompProfile: '{"defaultAction":"SCMP_ACT_NO_SUCH_ACTION"}',
    });
    const spec = newSpec(setup.image);
    const start = () => broken.start(spec, "{}").catch((error: unknown) => error);
    expect(await start()).toMatchObject({ name: "DriverError", code: "engine_error" });
    expect(await setup.driver.list()).toEqual([]);
    expect(await readdir(setup.runDir)).toEqual([]);

    await broken.prepareEndpoint(spec.instanceId);
    expect(await start()).toMatchObject({ name: "DriverError", code: "engine_error" });
    expect(await setup.driver.list()).toEqual([]);
    expect(await readdir(setup.runDir)).toEqual([spec.instanceId]);
  });
});

describe("a session's work", () => {
  const newSetup = setUpForEach();

  it("is in the next container of the session, and in no other session's", async () => {
    const setup = await newSetup();
    const first = newSpec(setup.image);
    await setup.driver.start(first, bootLine(first));
    // Root has no DAC_OVERRIDE here: the workspace is written as the uid that the image gave the directory to.
    const owner = "$(stat -c %u /workspace)";
    const asOwner = `setpriv --reuid ${owner} --regid ${owner} --clear-groups`;
    const write = `echo work-1 > /state/w; ${asOwner} sh -c 'echo work-2 > /workspace/w'; echo written`;
    expect(await setup.exec(first.instanceId, write)).toBe("written\n");
    await setup.driver.remove(first.instanceId, 0);

    const next = { ...newSpec(setup.image), sessionId: first.sessionId };
    const other = newSpec(setup.image);
    await setup.driver.start(next, bootLine(next));
    await setup.driver.start(other, bootLine(other));
    const read = "cat /state/w /workspace/w";
    expect(await setup.exec(next.instanceId, read)).toBe("work-1\nwork-2\n");
    expect(await setup.exec(other.instanceId, read)).not.toMatch(/work-\d/);
  });
});
