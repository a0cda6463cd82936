import { randomBytes } from "node:crypto";
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { ensureSessionImage } from "./session-image";
import { AS_AGENT, logLine, run, startWalled, type Ran } from "./test-container";

const rootDir = fileURLToPath(new URL("../../../../", import.meta.url));
/** Where the network has authorities of its own, the package mirror may be reachable with them alone. */
const networkCaFile = process.env["EXTRA_CA_FILE"] || undefined;
/** As the product finds its engine: by DOCKER_HOST, else at the usual place. */
const docker = new Docker();
const unique = randomBytes(4).toString("hex");
const volumes = {
  workspace: `openagent-image-test-${unique}-workspace`,
  state: `openagent-image-test-${unique}-state`,
};

/** The project as the builder sees it, with the stand-in as its sidecar. */
let root: string;
let ref: string;
let container: Docker.Container;
let sidecarPid: string;

const build = () =>
  ensureSessionImage({
    docker,
    rootDir: root,
    cacheDir: join(root, ".cache"),
    extraCaFile: networkCaFile,
    onProgress: () => undefined,
  });
const asAgent = (...command: string[]): Promise<Ran> =>
  run(docker, container, [...AS_AGENT, ...command], ["HOME=/home/agent"]);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "openagent-image-"));
  await mkdir(join(root, "dist/sidecar"), { recursive: true });
  await copyFile(
    fileURLToPath(new URL("stand-in-sidecar.mjs", import.meta.url)),
    join(root, "dist/sidecar/main.mjs"),
  );
  for (const name of ["docker", "node_modules"]) await symlink(join(rootDir, name), join(root, name));
  ({ ref } = await build());
  const seccomp = await readFile(join(rootDir, "docker/seccomp.json"), "utf8");
  container = await startWalled(docker, { ref, volumes, seccomp });
  sidecarPid = (await logLine(container, /up pid (\d+) pty function/))[1] ?? "";
}, 300_000);

afterAll(async () => {
  await container?.remove({ force: true });
  for (const name of Object.values(volumes)) await docker.getVolume(name).remove();
  await docker.getImage(ref).remove();
  await rm(root, { recursive: true });
});

describe("the builder", () => {
  it("does nothing the second time", async () => {
    expect(await build()).toEqual({ ref, built: false });
  });

  it("leaves nothing in its scratch folder", async () => {
    await expect(readdir(join(root, ".cache")).catch(() => [])).resolves.toEqual([]);
  });

  it("says what is missing when the sidecar was not bundled", async () => {
    const options = { docker, rootDir: join(root, "dist"), cacheDir: root, onProgress: () => undefined };
    await expect(ensureSessionImage(options)).rejects.toMatchObject({
      name: "DriverError",
      code: "image_missing",
    });
  });

  it("names the engine when nothing answers on the socket", async () => {
    const options = {
      docker: new Docker({ socketPath: join(root, "none.sock") }),
      rootDir: root,
      cacheDir: root,
      onProgress: () => undefined,
    };
    await expect(ensureSessionImage(options)).rejects.toMatchObject({ code: "engine_unreachable" });
  });
});

describe("the image", () => {
  it("is under 700 MB and stores opencode once", async () => {
    const { Size } = await docker.getImage(ref).inspect();
    expect(Size).toBeLessThan(700e6);
    const layers = z.array(z.object({ Size: z.number() })).parse(await docker.getImage(ref).history());
    expect(layers.filter((layer) => layer.Size > 150e6)).toHaveLength(1);
  });

  it("gives fresh volumes the owners and modes of its directories", async () => {
    const places =
      "/workspace /state /state/spool /state/agent /opt/openagent/opencode-config /opt/openagent/bin/opencode";
    const { stdout } = await run(docker, container, ["sh", "-c", `stat -c '%u:%g %a %n' ${places}`]);
    expect(stdout.trim().split("\n")).toEqual([
      "1000:1000 755 /workspace",
      "0:0 755 /state",
      "900:900 700 /state/spool",
      "1000:1000 700 /state/agent",
      "0:0 755 /opt/openagent/opencode-config",
      "0:0 755 /opt/openagent/bin/opencode",
    ]);
  });

  it.each([
    ["/opt/openagent/bin/opencode --version", /^1\.18\.33$/m],
    ["node --version", /^v24\.20\.0$/m],
    ["npm --version", /^\d+\.\d+\.\d+$/m],
    ["npx --version", /^\d+\.\d+\.\d+$/m],
    ["git init -q /workspace/r && git -C /workspace/r status", /On branch/],
    ["rg --version", /^ripgrep/m],
    ["curl --version", /^curl/m],
    ["echo kept > ~/kept && cat /state/agent/home/kept", /^kept$/m],
  ])("runs `%s` as the agent on a read-only root", async (command, expected) => {
    const { stdout, stderr, code } = await asAgent("sh", "-c", command);
    expect(stdout + stderr).toMatch(expected);
    expect(code).toBe(0);
  });

  it("refuses writes outside the volumes and /tmp", async () => {
    expect((await asAgent("touch", "/usr/local/x")).stderr).toMatch(/Read-only file system/);
    expect((await asAgent("touch", "/opt/openagent/opencode-config/x")).code).not.toBe(0);
  });
});

describe("the uid split", () => {
  it("leaves the agent without a capability or a group", async () => {
    const { stdout } = await asAgent(
      "grep",
      "-E",
      "^(Cap(Inh|Prm|Eff|Amb)|Groups|NoNewPrivs|Seccomp):",
      "/proc/self/status",
    );
    const none = "0000000000000000";
    expect(
      stdout
        .replace(/[ \t]+/g, " ")
        .trim()
        .split("\n")
        .map((line) => line.trim()),
    ).toEqual([
      "Groups:",
      `CapInh: ${none}`,
      `CapPrm: ${none}`,
      `CapEff: ${none}`,
      `CapAmb: ${none}`,
      "NoNewPrivs: 1",
      "Seccomp: 2",
    ]);
  });

  it("runs the sidecar as 900 with exactly what it needs", async () => {
    const { stdout } = await run(docker, container, [
      "grep",
      "-E",
      "^(Uid|Groups|CapEff|CapAmb):",
      `/proc/${sidecarPid}/status`,
    ]);
    // Bits 5, 6 and 7: KILL, SETGID, SETUID.
    expect(stdout.replace(/\s+/g, " ").trim()).toBe(
      "Uid: 900 900 900 900 Groups: CapEff: 00000000000000e0 CapAmb: 00000000000000e0",
    );
  });

  it.each([
    ["read its environment", "cat /proc/$PID/environ"],
    ["read its memory", "head -c 1 /proc/$PID/mem"],
    ["look at its files", "ls /proc/$PID/fd"],
    ["kill it", "kill -9 $PID"],
    ["kill pid 1", "kill -9 1"],
    ["read the spool", "ls /state/spool"],
    ["take its uid", "setpriv --reuid 900 --regid 900 --clear-groups true"],
  ])("does not let the agent %s", async (_what, command) => {
    const { code, stderr } = await asAgent("sh", "-c", command.replace("$PID", sidecarPid));
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/denied|not permitted/i);
  });
});

/** x86_64 numbers; the arguments are harmless were one let through. */
const REFUSED = {
  io_uring_setup: "425, 1, 0",
  io_uring_enter: "426, -1, 0, 0, 0",
  io_uring_register: "427, -1, 0, 0, 0",
  userfaultfd: "323, 0",
  bpf: "321, 0, 0, 0",
  add_key: "248, 0, 0, 0, 0, 0",
  request_key: "249, 0, 0, 0, 0",
  keyctl: "250, 0, 0",
  perf_event_open: "298, 0, 0, -1, -1, 0",
  unshare_nothing: "272, 0",
  setns: "308, -1, 0",
  clone_newuser: "56, 0x10000011, 0, 0, 0, 0",
  mount: "165, 0, 0, 0, 0, 0",
  umount2: "166, 0, 0",
  pivot_root: "155, 0, 0",
  open_tree: "428, -1, 0, 0",
  fsopen: "430, 0, 0",
  mount_setattr: "442, -1, 0, 0, 0, 0",
  open_by_handle_at: "304, -1, 0, 0",
  pidfd_getfd: "438, -1, 0, 0",
  socket_vsock: "41, 40, 1, 0",
  socket_alg: "41, 38, 5, 0",
};

describe("the seccomp profile", () => {
  it("answers EPERM to what the agent has no business with, and ENOSYS to clone3", async () => {
    const table = Object.entries({ ...REFUSED, clone3: "435, 0, 0" });
    const probe = table
      .map(([name, args]) => `$! = 0; syscall(${args}); print "${name} ", $! + 0, "\\n";`)
      .join(" ");
    const { stdout } = await asAgent("perl", "-e", probe);
    const wanted = table.map(([name]) => `${name} ${name === "clone3" ? 38 : 1}`);
    expect(stdout.trim().split("\n")).toEqual(wanted);
  });
});

describe("opencode in the image", () => {
  const config = JSON.stringify({ share: "disabled", autoupdate: false, enabled_providers: ["none"] });
  const serve = (opts: { home: string; port: number; proxyPort: number }) => {
    const proxy = `http://127.0.0.1:${opts.proxyPort}`;
    const env = [
      `HOME=${opts.home}`,
      ...["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].map((name) => `${name}=${proxy}`),
      "NO_PROXY=127.0.0.1,localhost",
      "OPENCODE_DISABLE_AUTOUPDATE=1",
      "OPENCODE_DISABLE_MODELS_FETCH=1",
      "OPENCODE_DISABLE_LSP_DOWNLOAD=1",
      "OPENCODE_DISABLE_SHARE=1",
      "OPENCODE_DISABLE_DEFAULT_PLUGINS=1",
      "OPENCODE_MODELS_PATH=/opt/openagent/models.json",
      "OPENCODE_CONFIG=/tmp/opencode.json",
    ];
    const script = [
      `mkdir -p ${opts.home}; cd /workspace; echo '${config}' > /tmp/opencode.json`,
      `(timeout 280 /opt/openagent/bin/opencode serve --hostname=127.0.0.1 --port=${opts.port} >/tmp/${opts.port}.log 2>&1 &)`,
      // A request that comes between its listen and this line is never answered.
      `timeout 90 sh -c 'until grep -q listening /tmp/${opts.port}.log; do sleep 0.2; done'`,
      `curl -s -m 90 -o /dev/null -w '%{http_code}' 'http://127.0.0.1:${opts.port}/config?directory=/workspace'`,
    ];
    return run(docker, container, [...AS_AGENT, "sh", "-c", script.join("; ")], env);
  };

  it("installs nothing where the image's config directory is used, and does without it", async () => {
    const [image, bare] = await Promise.all([
      serve({ home: "/home/agent", port: 4096, proxyPort: 3128 }),
      serve({ home: "/tmp/bare", port: 4097, proxyPort: 3129 }),
    ]);
    expect([image.stdout, bare.stdout]).toEqual(["200", "200"]);
    // The same opencode without the directory does call out: by then the first one would have, too.
    await logLine(container, /called 3129 CONNECT registry\.npmjs\.org/);
    const log = (await container.logs({ stdout: true, stderr: true })).toString("utf8");
    expect(log).not.toMatch(/called 3128/);
  });
});

describe("EXTRA_CA_FILE", () => {
  let ca: string;
  let caRef: string;
  let caContainer: Docker.Container;

  beforeAll(async () => {
    const make =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -days 2";
    const made = await run(docker, container, [...make.split(" "), "-subj", "/CN=openagent test authority"]);
    ca = made.stdout;
    const extraCaFile = join(root, "authorities.pem");
    await writeFile(extraCaFile, `${networkCaFile ? await readFile(networkCaFile, "utf8") : ""}\n${ca}`);
    const rootOfCa = await makeRootUpToCertificates();
    const options = { docker, rootDir: rootOfCa, cacheDir: root, extraCaFile, onProgress: () => undefined };
    ({ ref: caRef } = await ensureSessionImage(options));
    caContainer = await docker.createContainer({
      Image: caRef,
      Entrypoint: ["cat"],
      OpenStdin: true,
      HostConfig: { NetworkMode: "none" },
    });
    await caContainer.start();
  }, 300_000);

  afterAll(async () => {
    await caContainer?.remove({ force: true });
    if (caRef) await docker.getImage(caRef).remove();
  });

  const verify = async (where: Docker.Container, store: string): Promise<string> => {
    const script = `printf %s "$CA" | openssl verify ${store} 2>&1`;
    return (await run(docker, where, ["sh", "-c", script], [`CA=${ca}`])).stdout;
  };

  it.each([
    ["the system's store", "-no-CAfile -CApath /etc/ssl/certs"],
    ["NODE_EXTRA_CA_CERTS", '-no-CApath -CAfile "$NODE_EXTRA_CA_CERTS"'],
    ["SSL_CERT_FILE", '-no-CApath -CAfile "$SSL_CERT_FILE"'],
    ["REQUESTS_CA_BUNDLE", '-no-CApath -CAfile "$REQUESTS_CA_BUNDLE"'],
  ])("puts its authorities into %s", async (_where, store) => {
    expect(await verify(caContainer, store)).toBe("stdin: OK\n");
    expect(await verify(container, store)).toMatch(/self.signed certificate/);
  });

  it("makes Node trust them", async () => {
    const program = `
      const print = (pem) => new (require("crypto").X509Certificate)(pem).fingerprint256;
      const trusted = require("tls").getCACertificates("extra").map(print);
      console.log(trusted.includes(print(process.env.CA)));`;
    const trusts = async (where: Docker.Container) =>
      (await run(docker, where, ["node", "-e", program], [`CA=${ca}`])).stdout;
    expect([await trusts(caContainer), await trusts(container)]).toEqual(["true\n", "false\n"]);
  });

  /**
   * The Dockerfile as it is down to the certificates and their variables, upon the image that was built already: its
   * packages are there, so a minute of installing them again is saved, and every step with a certificate is taken.
   */
  async function makeRootUpToCertificates(): Promise<string> {
    const dir = join(root, "authorities");
    await mkdir(dir);
    for (const name of ["dist", "node_modules"]) await symlink(join(root, name), join(dir, name));
    await cp(join(rootDir, "docker"), join(dir, "docker"), { recursive: true });
    const file = join(dir, "docker/session.Dockerfile");
    const [steps = "", rest] = (await readFile(file, "utf8")).split("\nCOPY node /usr/local/bin/node\n");
    expect(rest).toBeDefined();
    expect(steps).toContain("FROM ${BASE}");
    await writeFile(file, steps.replace("FROM ${BASE}", `FROM ${ref}`));
    return dir;
  }
});

describe("pid 1", () => {
  it("hands standard input to the sidecar and ends with the sidecar's code", async () => {
    const stdin = await container.attach({ stream: true, stdin: true, hijack: true });
    stdin.write("boot line\n");
    await logLine(container, /heard boot line/);
    stdin.end();
    await container.stop({ t: 60 });
    expect((await container.inspect()).State.ExitCode).toBe(7);
  });
});
