import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containersOf, docker, type Product, readEvents, runTurn, sessionIs, startProduct } from "./harness";

const GOOD = process.env.OPENAGENT_SESSION_IMAGE ?? "";
const NAME = `openagent-upgrade-test-${randomBytes(4).toString("hex")}`;

/** R18: the session image changes under sessions that exist. */
describe("a session after an upgrade", () => {
  /** As the server is started; changed between its starts. */
  const env = { OPENAGENT_SESSION_IMAGE: GOOD };
  const made: string[] = [];
  let product: Product;

  /** The good image with one more layer. */
  const image = async (tag: string, line: string): Promise<string> => {
    const dir = mkdtempSync(join(tmpdir(), "oa-image-"));
    writeFileSync(join(dir, "Dockerfile"), `FROM ${GOOD}\n${line}\n`);
    await docker("build", "-q", "-t", `${NAME}:${tag}`, dir);
    rmSync(dir, { recursive: true });
    made.push(`${NAME}:${tag}`);
    return `${NAME}:${tag}`;
  };
  const restartOn = async (ref: string) => {
    await product.stop();
    env.OPENAGENT_SESSION_IMAGE = ref;
    await product.start();
  };
  const stop = async (id: string) => {
    await product.client.sessions.stop.mutate({ id });
    await sessionIs(product.client, id, "stopped");
  };
  const resume = async (id: string) => {
    await product.client.sessions.resume.mutate({ id });
    await sessionIs(product.client, id, "idle");
    return product.client.sessions.get.query({ id });
  };
  const notices = async (id: string) =>
    (await readEvents(product.client, id)).flatMap((event) =>
      event.type === "error" && event.data.code === "image_rolled_back" ? [event.data] : [],
    );
  const keptFile = async (id: string) =>
    JSON.stringify(
      (await runTurn(product.client, { sessionId: id, text: "cat kept.txt", kind: "shell" })).events,
    );
  const imagesInUse = async () => {
    const containers = await containersOf(product.instance);
    const out = await docker("inspect", "--format", "{{.Config.Image}}", ...containers);
    return out.trim().split("\n");
  };

  beforeAll(async () => {
    product = await startProduct(env);
  });
  afterAll(async () => {
    await product?.close();
    for (const ref of made) await docker("rmi", "--no-prune", ref);
  });

  it("runs on the image before where the new one does not start, says so, and takes the next that does", async () => {
    const { id } = await product.client.sessions.create.mutate({ permissionMode: "auto" });
    await sessionIs(product.client, id, "idle");
    await runTurn(product.client, { sessionId: id, text: "echo kept > kept.txt", kind: "shell" });
    const { version } = await product.client.sessions.get.query({ id });
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
    await stop(id);

    const withoutSidecar = await image("without-sidecar", 'ENTRYPOINT ["/bin/false"]');
    await restartOn(withoutSidecar);
    expect(await resume(id)).toMatchObject({ image: GOOD, version, reason: null });
    expect(await imagesInUse()).toEqual([GOOD]);
    expect(await keptFile(id)).toContain("kept\\n");
    expect(await notices(id)).toMatchObject([
      {
        message: expect.stringContaining("Rebuild it to try the new image again.") as string,
        detail: expect.stringContaining(withoutSidecar) as string,
      },
    ]);
    await stop(id);

    const withoutAgent = await image("without-agent", "RUN ln -sf /bin/false /opt/openagent/bin/opencode");
    await restartOn(withoutAgent);
    expect(await resume(id)).toMatchObject({ image: GOOD });
    expect((await notices(id)).map(({ detail }) => detail)).toEqual([
      expect.stringContaining(withoutSidecar),
      expect.stringContaining(withoutAgent),
    ]);
    await stop(id);

    const next = await image("next", "RUN touch /opt/openagent/next");
    await restartOn(next);
    expect(await resume(id)).toMatchObject({ image: next, version });
    expect(await imagesInUse()).toEqual([next]);
    expect(await keptFile(id)).toContain("kept\\n");
    expect(await notices(id)).toHaveLength(2);
    await product.client.sessions.remove.mutate({ id });
  });
});
