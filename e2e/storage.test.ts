/** Settings → Storage, what is collected behind it, and what the doctor says, against a real engine with strangers on it. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { axeFindings, DESKTOP, launchBrowser, sideways, signedInContext } from "./browser";
import { containersOf, docker, ROOT, runTurn, sessionIs, startProduct, until, type Product } from "./harness";

const SHOTS = join(ROOT, ".cache", "screenshots");
const run = promisify(execFile);
interface Stranger {
  kind: "container" | "volume";
  name: string;
}

const NARROW = { width: 380, height: 800 };

describe("what sessions leave on the disk", () => {
  let product: Product;
  let browser: Browser;
  const strangers: Stranger[] = [];
  beforeAll(async () => {
    product = await startProduct();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    for (const { kind, name } of strangers) await docker(kind, "rm", "--force", name);
    await product?.close();
  });

  const isThere = ({ kind, name }: Stranger) =>
    docker(kind, "inspect", name).then(
      () => true,
      () => false,
    );
  const labelled = (labels: Record<string, string>) =>
    Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
  /** Names as ours, with labels of another installation, with none, or with some that lack what makes them ours. */
  const plantStrangers = async (image: string) => {
    const { instance } = product;
    for (let n = 0; n < 10; n += 1) {
      const id = randomBytes(16).toString("hex");
      const theirs = { "openagent.installation": `${instance}x`, "openagent.session": `ses_${id}` };
      const labels = labelled([theirs, {}, { "openagent.session": `ses_${id}` }][n % 3] ?? {});
      const [container, volume] = [`${instance}-ins_${id}`, `${instance}-ses_${id}-workspace`];
      await docker("create", "--name", container, ...labels, image);
      await docker("volume", "create", ...labels, volume);
      strangers.push({ kind: "container", name: container }, { kind: "volume", name: volume });
    }
  };
  const doctor = async () => {
    const env = { ...process.env, OPENAGENT_DATA_DIR: product.dataDir, OPENAGENT_INSTANCE: product.instance };
    const args = ["--import", "tsx", "src/server/cli/admin.ts", "doctor"];
    return run(process.execPath, args, { cwd: ROOT, env }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string }) => ({ code: error.code, stdout: error.stdout }),
    );
  };

  it("goes with the session, is reclaimed where a session is no more, and nothing of strangers is touched", async () => {
    const { id } = await product.client.sessions.create.mutate({ title: "Stays" });
    await sessionIs(product.client, id, "idle");
    await product.stop("SIGKILL");
    const [container = ""] = await containersOf(product.instance);
    await plantStrangers((await docker("inspect", "--format", "{{.Config.Image}}", container)).trim());
    const left = `ses_${randomBytes(16).toString("hex")}`;
    const labels = labelled({ "openagent.installation": product.instance, "openagent.session": left });
    const volume: Stranger = { kind: "volume", name: `${product.instance}-${left}-workspace` };
    await docker("volume", "create", ...labels, volume.name);
    const directory = join(product.dataDir, "run", `ins_${randomBytes(16).toString("hex")}`);
    mkdirSync(directory);
    const snapshot = join(product.dataDir, "snapshots", left, `snp_${randomBytes(16).toString("hex")}`);
    mkdirSync(snapshot, { recursive: true });
    writeFileSync(join(snapshot, "workspace.tar.gz"), "of another database");
    const broken = await doctor();
    expect(broken.code).toBe(1);
    expect(broken.stdout).toMatch(new RegExp(`FAIL {2}volumes: .*${left}`));
    await product.start();
    await until(async () => !existsSync(directory), "the left directory's end");
    // Somebody's work, perhaps: it goes when an admin says so.
    expect(await product.client.storage.reclaim.mutate({})).toMatchObject({ sessions: 1, snapshots: 1 });
    expect(await isThere(volume)).toBe(true);
    expect(existsSync(snapshot)).toBe(true);
    await product.client.storage.reclaim.mutate({ dryRun: false });
    expect(await isThere(volume)).toBe(false);
    expect(existsSync(snapshot)).toBe(false);
    expect(await product.client.sessions.get.query({ id })).toMatchObject({ status: "idle" });
    for (const stranger of strangers) expect(await isThere(stranger), stranger.name).toBe(true);
    expect(await isThere({ kind: "volume", name: `${product.instance}-${id}-workspace` })).toBe(true);
    const well = (await doctor()).stdout;
    for (const what of ["log", "spool positions", "volumes", "containers"])
      expect(well).toMatch(new RegExp(`^ok +${what}:`, "m"));
  });

  it.each([
    ["light", DESKTOP],
    ["dark", DESKTOP],
    ["light", NARROW],
    ["dark", NARROW],
  ] as const)("is shown on a page: %s, at %j", async (colorScheme, viewport) => {
    await product.client.sessions.create.mutate({
      title: `A long title that no phone has room for ${"and more ".repeat(8)}`,
    });
    const context = await signedInContext(browser, product.url, { colorScheme, viewport });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(90_000);
      await page.goto(`${product.url}/settings/storage`);
      await page.getByRole("link", { name: "Stays" }).first().waitFor();
      await page.getByRole("meter").first().waitFor();
      await page
        .getByText(/There are none\.|Reclaim/)
        .first()
        .waitFor();
      expect(await axeFindings(page)).toEqual([]);
      expect(await sideways(page)).toEqual([]);
      mkdirSync(SHOTS, { recursive: true });
      await page.screenshot({ path: join(SHOTS, `storage-${colorScheme}-${viewport.width}.png`) });
      if (viewport !== NARROW || colorScheme !== "dark") return;
      const rows = page.getByRole("main").getByRole("button", { name: /^Delete A long title/ });
      const before = await rows.count();
      await rows.first().click();
      await page.getByRole("button", { name: "Delete session" }).click();
      await expect.poll(() => rows.count(), { timeout: 60_000 }).toBe(before - 1);
    } finally {
      await context.close();
    }
  });

  it("keeps new sessions out above the high-water mark, and those that there are go on", async () => {
    const { client } = product;
    const { items } = await client.sessions.list.query({});
    const id = items.find(({ title }) => title === "Stays")?.id ?? "";
    await product.stop();
    await product.start({ OPENAGENT_DISK_HIGH_WATER: "1" });
    await expect(client.sessions.create.mutate({ title: "No" })).rejects.toMatchObject({
      message: expect.stringMatching(/% full; new sessions begin below 1 %/) as string,
      data: { reason: "out_of_disk" },
    });
    expect((await client.sessions.list.query({})).items).toHaveLength(items.length);
    await sessionIs(client, id, "idle");
    const { outcome } = await runTurn(client, { sessionId: id, text: "echo on > on.txt", kind: "shell" });
    expect(outcome).toBe("done");
  });
});
