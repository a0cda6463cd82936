import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, type OpenAgentClient } from "../src/client/index";
import {
  containerOf,
  containersOf,
  docker,
  OWNER,
  type Product,
  readEvents,
  ROOT,
  runTurn,
  sessionIs,
  spokenText,
  startProduct,
  startUnclaimed,
  type UnclaimedProduct,
  until,
  volumesOf,
} from "./harness";

const PASSPHRASE = "five words picked by chance";
const KEY = "sk-e2e-0123456789abcdef";

/** A tree as people have it: links of both kinds, names of all kinds, bits, something like git's. */
const TREE = `
cd /workspace; mkdir -p repo/.git/objects/ab 'a name with spaces' && cd repo
head -c 300000 /dev/urandom > .git/objects/ab/cdef; chmod 444 .git/objects/ab/cdef
printf 'ref: refs/heads/main\\n' > .git/HEAD
printf 'x' > 'ünïcode-€-文.txt'; : > empty; printf '#!/bin/sh\\n' > run.sh; chmod 755 run.sh
ln -s run.sh inside; ln -s ../../../etc/passwd upwards; ln -s /usr/local/bin/node node
ln run.sh hard; mkfifo pipe; chmod 700 '../a name with spaces'
printf 'l' > "$(printf 'new\\nline')"
`;
/** What of a tree must be the same: kinds, owners, modes, sizes, targets, contents; not what is still written to. */
const DIGEST = `cd /workspace/repo && find . ! -type p ! -name 'load*' -printf '%y %U:%G %m %l %P\\0' | sort -z | sha256sum &&
find . -type f ! -name 'load*' -print0 | sort -z | xargs -0 sha256sum | sha256sum`;

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

function npm(args: string[], env: Record<string, string>): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      "npm",
      ["run", "--silent", ...args],
      { cwd: ROOT, env: { ...process.env, NODE_ENV: "production", ...env } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

describe("backup and restore", () => {
  const work = mkdtempSync(join(tmpdir(), "oa-e2e-backup-"));
  const archive = join(work, "it.tar.age");
  const restored = { dataDir: join(work, "data"), instance: `oa-r${randomBytes(4).toString("hex")}` };
  let first: Product;
  let second: UnclaimedProduct | undefined;
  beforeAll(async () => {
    first = await startProduct();
  });
  afterAll(async () => {
    await second?.close();
    const left = [await containersOf(restored.instance), await volumesOf(restored.instance)];
    if (left[0]?.length) await docker("rm", "-f", ...left[0]);
    if (left[1]?.length) await docker("volume", "rm", ...left[1]);
    await first?.close();
    rmSync(work, { recursive: true, force: true });
  });

  const environment = (of: { dataDir: string; instance: string }, more: Record<string, string> = {}) => ({
    OPENAGENT_DATA_DIR: of.dataDir,
    OPENAGENT_INSTANCE: of.instance,
    OPENAGENT_BACKUP_PASSPHRASE: PASSPHRASE,
    ...more,
  });
  /** With every scope, as whoever has a shell on the server gets it. */
  const ownToken = async (env: Record<string, string>) =>
    (await npm(["admin", "--", "token", "create", "--email", OWNER.email], env)).stdout.trim();
  const inside = async (instance: string, sessionId: string, command: string) =>
    docker("exec", "-u", "1000", await containerOf(instance, sessionId), "bash", "-ec", command);
  const digest = (instance: string, sessionId: string) => inside(instance, sessionId, DIGEST);
  const saidIn = async (client: OpenAgentClient, id: string) => spokenText(await readEvents(client, id));

  it("brings back sessions, files, chat and keys on another installation; what was secret to the old one is dead", async () => {
    const { client } = first;
    const withKeys = createClient({ url: first.url, token: await ownToken(environment(first)) });
    await withKeys.keys.upsert.mutate({ providerId: "openai", key: KEY, scope: "me" });
    const made = await Promise.all(
      ["One", "Two"].map((title) => client.sessions.create.mutate({ title, permissionMode: "auto" })),
    );
    const [one = "", two = ""] = made.map(({ id }) => id);
    for (const id of [one, two]) {
      await sessionIs(client, id, "idle");
      await inside(first.instance, id, TREE);
      await runTurn(client, { sessionId: id, text: `#script\nsay I remember ${id}` });
    }
    const digests = [await digest(first.instance, one), await digest(first.instance, two)];
    await client.sessions.stop.mutate({ id: two });

    // While the first one writes, files and words.
    const load = `i=0; while :; do echo $i > /workspace/repo/load; i=$((i+1)); sleep 0.01; done`;
    const writer = inside(first.instance, one, load);
    writer.catch(() => "it ends with its container");
    const flood = runTurn(client, { sessionId: one, text: "#script\nflood 400\nsay all said" });
    const backup = await npm(["backup", "--", archive], environment(first));
    expect(backup.stderr).toMatch(/left out: .*pipe.* is a fifo[^]*2 sessions with files/);
    expect(backup.code).toBe(0);
    expect((await flood).outcome).toBe("done");
    expect(await docker("ps", "-q", "--filter", "status=paused", "--filter", `name=${first.instance}`)).toBe(
      "",
    );
    expect(readdirSync(first.dataDir).filter((name) => /^backup-/.test(name))).toEqual([]);
    expect(readFileSync(archive).includes(KEY)).toBe(false);

    // A new machine: another directory, another name, the master key brought by hand.
    const { dataDir } = restored;
    const env = environment(restored);
    const keyless = await npm(["restore", "--", archive], env);
    expect(keyless).toMatchObject({ code: 1, stdout: "" });
    expect(keyless.stderr).toMatch(/The master key is not in the backup, .*then restore\.\n$/);
    const cut = join(work, "cut.tar.age");
    writeFileSync(cut, readFileSync(archive).subarray(0, -100));
    const masterKey = { OPENAGENT_MASTER_KEY_FILE: join(work, "master.key") };
    copyFileSync(join(first.dataDir, "master.key"), masterKey.OPENAGENT_MASTER_KEY_FILE);
    chmodSync(masterKey.OPENAGENT_MASTER_KEY_FILE, 0o600);
    expect((await npm(["restore", "--", cut], { ...env, ...masterKey })).stderr).toMatch(/damaged/);
    // Of all that was refused nothing is there.
    expect(existsSync(dataDir)).toBe(false);
    expect(await volumesOf(restored.instance)).toEqual([]);

    const restore = await npm(["restore", "--", archive], { ...env, ...masterKey });
    expect(restore.stderr).toMatch(/2 sessions with files, all stopped/);
    expect(restore.code).toBe(0);
    expect(await containersOf(restored.instance)).toEqual([]);

    second = await startUnclaimed({ ...env, ...masterKey });
    const theirs = createClient({ url: second.url, token: await ownToken(env) });
    const old = createClient({ url: second.url, token: first.token });
    await expect(old.account.me.query()).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
    expect((await theirs.keys.list.query()).items).toEqual([
      expect.objectContaining({ providerId: "openai", hint: `…${KEY.slice(-4)}` }),
    ]);
    for (const [index, id] of [one, two].entries()) {
      expect((await theirs.sessions.get.query({ id })).status).toBe("stopped");
      await theirs.sessions.resume.mutate({ id });
      await sessionIs(theirs, id, "idle");
      expect(await digest(restored.instance, id)).toBe(digests[index]);
      expect(await saidIn(theirs, id)).toContain(`I remember ${id}`);
      const next = await runTurn(theirs, { sessionId: id, text: "#script\nsay and go on" });
      expect(next).toMatchObject({ outcome: "done", text: "and go on" });
    }
    // What was said up to the backup is a beginning of what was said in all, in the same order.
    const seqs = (await readEvents(theirs, one)).map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    expect(await saidIn(theirs, two)).toBe(`${await saidIn(first.client, two)}and go on`);
    expect(second.log()).not.toContain("does not decrypt");
  });

  it("says what is wrong with a line, a directory that is in use and a name that is another", async () => {
    const env = environment(first);
    expect((await npm(["backup", "--", "a", "b"], env)).code).toBe(2);
    const running = await npm(["restore", "--", archive], env);
    expect(running.stderr).toMatch(/Another OpenAgent server uses/);
    const elsewhere = await npm(["backup", "--", join(work, "none")], {
      ...env,
      OPENAGENT_INSTANCE: "oa-nobody",
    });
    expect(elsewhere.stderr).toMatch(/Set OPENAGENT_INSTANCE/);
    expect(readdirSync(work).filter((name) => /none/.test(name))).toEqual([]);
    await until(async () => (await first.client.sessions.list.query({})).items.length === 2, "two sessions");
  });
});
