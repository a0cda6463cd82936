import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  containersOf,
  docker,
  OWNER,
  post,
  type Product,
  runTurn,
  sessionIs,
  signIn,
  startProduct,
} from "./harness";

const CANARY = "sk-oa-canary-0123456789abcdef0123456789abcdef";

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

  it("finds no key in its environment, files, config or processes", async () => {
    const seen = await inside(
      'env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr "\\0" "\\n"; cat $OPENCODE_CONFIG; grep -ra "sk-oa-can[a]ry" /state /tmp /workspace /run /opt/openagent/sidecar 2>/dev/null',
    );
    expect(seen).toContain("PATH=");
    expect(seen).not.toContain("sk-oa-canary");
    expect(seen).not.toContain(Buffer.from(CANARY).toString("base64").slice(0, 20));
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

  it("has no network interface but loopback, and reaches nothing of the host by any way", async () => {
    expect(await inside("cat /proc/net/dev")).not.toMatch(/eth|veth|docker/);
    const address = listener.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    for (const host of [
      "127.0.0.1",
      "localhost",
      "172.17.0.1",
      "169.254.169.254",
      "[::ffff:127.0.0.1]",
      "2130706433",
      "127.1",
    ]) {
      const seen = await inside(
        `curl -sS -m 5 -x http://127.0.0.1:3128 -o /dev/null -w '%{http_code}' http://${host}:${port}/`,
      );
      expect(seen, host).toMatch(/403|Could not|400|Failed|URL/i);
      const tunnel = await inside(`curl -sS -m 5 -p -x http://127.0.0.1:3128 http://${host}:${port}/`);
      expect(tunnel, host).not.toContain("HTTP/1.1 200");
    }
    expect(await inside(`timeout 3 bash -c 'echo > /dev/tcp/172.17.0.1/${port}' || echo closed`)).toContain(
      "closed",
    );
    expect(connections).toBe(0);
  });

  it("cannot take the place of its sockets or forge the sidecar's word", async () => {
    expect(
      await inside(
        "rm -f /run/openagent/egress.sock; mv /run/openagent/sidecar.sock /run/openagent/x; ls /run/openagent",
      ),
    ).toMatch(/not permitted/i);
    expect(
      await inside("curl -sS --unix-socket /run/openagent/sidecar.sock -X POST http://sidecar/abort"),
    ).toContain("unauthorized");
    expect(
      await inside("curl -sS --unix-socket /run/openagent/sidecar.sock 'http://sidecar/events?epoch=1&n=0'"),
    ).toContain("unauthorized");
  });

  it("gets no more kernel than it needs", async () => {
    expect(await inside("unshare -U true; mount -t tmpfs none /mnt; mknod /tmp/x c 1 1")).toMatch(
      /not permitted|denied/i,
    );
    expect(await inside("touch /usr/x; touch /opt/openagent/x")).toMatch(/Read-only file system/);
  });

  it("leaves the boot token and the keys out of what the engine shows", async () => {
    const [container] = await containersOf(product.instance);
    const shown = await docker("inspect", container ?? "");
    expect(shown).not.toContain("sk-oa-canary");
    expect(shown).not.toMatch(/token/i);
    expect(await docker("logs", container ?? "")).not.toContain("sk-oa-canary");
    expect(product.log()).not.toContain("sk-oa-canary");
  });
});
