import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ENGINE_SOCKET, type Product, runTurn, sessionIs, startProduct, until } from "./harness";

/** The engine's socket as seen through a door that can be shut: to the server, an engine that dies and comes back. */
function engineDoor() {
  const dir = mkdtempSync(join(tmpdir(), "oa-door-"));
  const path = join(dir, "engine.sock");
  const open = new Set<Socket>();
  let server: Server | null = null;
  return {
    path,
    async open() {
      server = createServer((client) => {
        const engine = connect(ENGINE_SOCKET);
        for (const [socket, other] of [
          [client, engine],
          [engine, client],
        ] as const) {
          open.add(socket);
          socket.on("error", () => other.destroy());
          socket.on("close", () => (open.delete(socket), other.destroy()));
          socket.pipe(other);
        }
      });
      await new Promise<void>((resolve) => server?.listen(path, resolve));
    },
    async shut() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => (server ? server.close(resolve) : resolve(null)));
      if (existsSync(path)) rmSync(path);
    },
    async remove() {
      await this.shut();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describe("an engine that is not there", () => {
  let product: Product | undefined;
  afterEach(async () => {
    await product?.close();
    product = undefined;
  });
  const ready = async () => {
    const answer = await fetch(`${product?.url ?? ""}/readyz`);
    return {
      status: answer.status,
      checks: ((await answer.json()) as { checks: Record<string, string> }).checks,
    };
  };

  it("at start or later, is told in sentences, and sessions work again when it is back, without a restart", async () => {
    const door = engineDoor();
    product = await startProduct({ DOCKER_HOST: `unix://${door.path}` }, { healthyAt: "/healthz" });
    const { client } = product;
    try {
      expect((await ready()).status).toBe(503);
      expect((await ready()).checks.engine).toMatch(/Docker|engine/);
      const early = await client.sessions.create.mutate({ title: "too early" });
      await sessionIs(client, early.id, "error");
      expect((await client.sessions.get.query({ id: early.id })).reason).toMatchObject({
        code: "engine_unreachable",
      });

      await door.open();
      await until(async () => (await ready()).status === 200, "ready");
      await client.sessions.resume.mutate({ id: early.id });
      await sessionIs(client, early.id, "idle");

      await door.shut();
      expect((await ready()).status).toBe(503);
      // The container goes on: the server reaches it by its own socket.
      const meanwhile = await runTurn(client, { sessionId: early.id, text: "#script\nsay still talking" });
      expect(meanwhile.text).toContain("still talking");
      const late = await client.sessions.create.mutate({ title: "too late" });
      await sessionIs(client, late.id, "error");
      expect((await client.sessions.get.query({ id: late.id })).reason).toMatchObject({
        code: "engine_unreachable",
      });

      await door.open();
      await until(async () => (await ready()).status === 200, "ready again");
      expect((await client.sessions.get.query({ id: early.id })).status).toBe("idle");
      await client.sessions.remove.mutate({ id: early.id });
      await client.sessions.remove.mutate({ id: late.id });
    } finally {
      await door.remove();
    }
  });

  it("lacks the session image: the session says so and how to build it", async () => {
    product = await startProduct(
      { OPENAGENT_SESSION_IMAGE: "openagent-session:none" },
      { healthyAt: "/healthz" },
    );
    expect((await ready()).checks.image).toContain("npm run up");
    const { id } = await product.client.sessions.create.mutate({});
    await sessionIs(product.client, id, "error");
    const { reason } = await product.client.sessions.get.query({ id });
    expect(reason).toMatchObject({
      code: "image_missing",
      message: expect.stringContaining("npm run up") as string,
    });
  });
});
