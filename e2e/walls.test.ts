import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containersOf, docker, OWNER, post, type Product, runTurn, sessionIs, startProduct } from "./harness";
import { signIn } from "./sign-in-by-hand";

const CANARY = "sk-oa-canary-0123456789abcdef0123456789abcdef";

/** Of the table of addresses, not of a session that may reach nothing at all. */
const REFUSED = /was refused: it (leads to|is) .+\. .+\.$/m;

/** Where this machine's listeners are reached from outside. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).flatMap(({ family, internal, address }) =>
      family === "IPv4" && !internal ? [address] : [],
    ),
  );
}

/** Commands run as the agent runs them, by the session's own shell tool. */
describe("what the agent cannot do", () => {
  let product: Product;
  let id: string;
  let listener: Server;
  let connections = 0;

  beforeAll(async () => {
    product = await startProduct();
    const cookie = await signIn(product.url, OWNER);
    const added = await post(
      product.url,
      "keys.upsert",
      { providerId: "anthropic", key: CANARY, scope: "me" },
      { cookie },
    );
    expect(added.status, await added.clone().text()).toBe(200);
    id = (await product.client.sessions.create.mutate({ permissionMode: "auto" })).id;
    await sessionIs(product.client, id, "idle");
    listener = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, "0.0.0.0", resolve));
  });
  afterAll(async () => {
    listener?.close();
    await product?.close();
  });

  const inside = async (command: string): Promise<string> => {
    const { events } = await runTurn(product.client, {
      sessionId: id,
      text: `${command} 2>&1; true`,
      kind: "shell",
    });
    return events.flatMap((e) => (e.type === "tool.output" ? [e.data.suffix] : [])).join("");
  };
  const sidecarPid = "$(pgrep -o -u 900)";
  /** Of a listener that takes connections: one of ours has just come, and been counted off. */
  const listenerPort = async (): Promise<number> => {
    const address = listener.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    await once(connect(address.port, "127.0.0.1").resume(), "close");
    expect(connections).toBe(1);
    connections = 0;
    return address.port;
  };

  it("finds no key in its environment, files, config or processes", async () => {
    // Each with something that shows it was looked at.
    for (const [look, there] of [
      ["env", "PATH="],
      ['cat /proc/*/environ 2>/dev/null | tr "\\0" "\\n"', "OPENCODE_CONFIG="],
      ['cat /proc/*/cmdline 2>/dev/null | tr "\\0" "\\n"', "opencode"],
      ["cat $OPENCODE_CONFIG", "anthropic"],
    ] as const) {
      const seen = await inside(look);
      expect(seen).toContain(there);
      expect(seen).not.toContain("sk-oa-canary");
      expect(seen).not.toContain(Buffer.from(CANARY).toString("base64").slice(0, 20));
    }
    await inside("echo found-by-grep > /workspace/decoy");
    const places = "/state /tmp /workspace /run /opt/openagent/sidecar";
    const found = await inside(
      `grep -rhoaE "sk-oa-can[a]ry|found-by-gre[p]" ${places} 2>/dev/null | sort -u`,
    );
    expect(found).toBe("found-by-grep\n");
  });

  it("cannot read or end the sidecar, nor its spool", async () => {
    expect(await inside(`echo ${sidecarPid}`)).toMatch(/^[0-9]+$/m);
    expect(await inside(`cat /proc/${sidecarPid}/environ`)).toMatch(/Permission denied/);
    expect(await inside(`dd if=/proc/${sidecarPid}/mem bs=1 count=1`)).toMatch(/Permission denied/);
    expect(await inside(`kill -9 ${sidecarPid}`)).toMatch(/not permitted/i);
    expect(await inside("ls /state/spool")).toMatch(/Permission denied/);
  });

  it("runs as uid 1000 with no capability and no group", async () => {
    const status = await inside("id; grep -E 'Cap(Prm|Eff|Amb)|Groups|NoNewPrivs' /proc/self/status");
    expect(status).toContain("uid=1000");
    expect(status).toMatch(/CapPrm:\s+0000000000000000/);
    expect(status).toMatch(/CapEff:\s+0000000000000000/);
    expect(status).toMatch(/CapAmb:\s+0000000000000000/);
    expect(status).toMatch(/NoNewPrivs:\s+1/);
    expect(status).toMatch(/Groups:\s*\n/);
  });

  it("has no network interface but loopback, and none of the host's addresses answers without the proxy", async () => {
    const port = await listenerPort();
    const interfaces = (await inside("cat /proc/net/dev")).matchAll(/^\s*(\S+):/gm);
    expect([...interfaces].map(([, name]) => name)).toEqual(["lo"]);
    for (const address of ["172.17.0.1", ...ownAddresses()]) {
      const seen = await inside(`bash -c 'echo > /dev/tcp/${address}/${port}'`);
      expect(seen, address).toContain("Network is unreachable");
    }
    expect(await inside(`bash -c 'echo > /dev/tcp/127.0.0.1/${port}'`)).toContain("Connection refused");
    expect(connections).toBe(0);
  });

  // A spelling of every kind that leads to this machine or to its neighbours. Without --noproxy curl goes directly to some.
  it("is refused the host by its proxy, by plain HTTP and by CONNECT, in a sentence", async () => {
    const port = await listenerPort();
    for (const host of [
      "127.0.0.1",
      "localhost",
      "172.17.0.1",
      "169.254.169.254",
      "[::ffff:127.0.0.1]",
      "2130706433",
      "127.1",
      // Documentation addresses count as public, this machine's own too.
      ...ownAddresses().filter((address) => !/^(192\.0\.2|198\.51\.100|203\.0\.113)\./.test(address)),
    ]) {
      const curl = "curl -sS -m 60 --noproxy '' -x http://127.0.0.1:3128";
      const plain = await inside(`${curl} -w 'code %{http_code}' http://${host}:${port}/`);
      expect(plain, host).toMatch(REFUSED);
      expect(plain, host).toMatch(/code 403$/m);
      const tunnel = await inside(`${curl} -p -w 'code %{http_connect}' http://${host}:${port}/`);
      expect(tunnel, host).toMatch(/code 403$/m);
      // curl spells addresses anew and keeps a refused tunnel's sentence to itself.
      const lines = `printf 'CONNECT ${host}:${port} HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3`;
      const bare = await inside(`exec 3<>/dev/tcp/127.0.0.1/3128; ${lines}`);
      expect(bare, host).toMatch(/^HTTP\/1\.1 403 /);
      expect(bare, host).toMatch(REFUSED);
    }
    expect(connections).toBe(0);
  });

  it("cannot take the place of its sockets or forge the sidecar's word", async () => {
    for (const name of ["egress.sock", "sidecar.sock"]) {
      expect(await inside(`rm -f /run/openagent/${name}`)).toMatch(/Permission denied/);
      expect(await inside(`mv /run/openagent/${name} /run/openagent/x`)).toMatch(/Permission denied/);
      expect(await inside(`ln -sf /tmp/x /run/openagent/${name}`)).toMatch(/Permission denied/);
    }
    expect((await inside("ls /run/openagent")).split(/\s+/).filter(Boolean)).toEqual([
      "egress.sock",
      "sidecar.sock",
    ]);
    expect(
      await inside("curl -sS --unix-socket /run/openagent/sidecar.sock -X POST http://sidecar/abort"),
    ).toContain("unauthorized");
    expect(
      await inside("curl -sS --unix-socket /run/openagent/sidecar.sock 'http://sidecar/events?epoch=1&n=0'"),
    ).toContain("unauthorized");
  });

  it("cannot take their place while the server is stopped, either", async () => {
    const [container] = await containersOf(product.instance);
    const asAgent = (command: string) =>
      docker("exec", "-u", "1000", container ?? "", "sh", "-c", `${command} 2>&1; true`);
    await product.stop();
    expect(await asAgent("ls /run/openagent")).toBe("sidecar.sock\n");
    expect(await asAgent("touch /run/openagent/egress.sock")).toMatch(/Permission denied/);
    expect(await asAgent("mv /run/openagent/sidecar.sock /run/openagent/x")).toMatch(/Permission denied/);
    await product.start();
    expect(await inside("echo back")).toContain("back");
  });

  it("gets no more kernel than it needs", async () => {
    expect(await inside("unshare -U true")).toMatch(/not permitted/i);
    expect(await inside("unshare -n true")).toMatch(/not permitted/i);
    expect(await inside("mount -t tmpfs none /mnt")).toMatch(/must be superuser|not permitted/i);
    expect(await inside("cat /proc/mounts")).not.toContain(" /mnt ");
    expect(await inside("mknod /tmp/x c 1 1")).toMatch(/not permitted/i);
  });

  it("writes nowhere on its root", async () => {
    for (const directory of [
      "/usr",
      "/etc",
      "/opt/openagent",
      "/opt/openagent/sidecar",
      "/opt/openagent/bin",
    ])
      expect(await inside(`touch ${directory}/x`), directory).toMatch(/Read-only file system/);
  });

  it("leaves the boot token and the keys out of what the engine shows", async () => {
    const [container] = await containersOf(product.instance);
    const shown = await docker("inspect", container ?? "");
    expect(shown).toContain(id);
    expect(shown).not.toContain("sk-oa-canary");
    expect(shown).not.toMatch(/token/i);
    expect(await docker("logs", container ?? "")).not.toContain("sk-oa-canary");
    expect(product.log()).not.toContain("sk-oa-canary");
  });
});
