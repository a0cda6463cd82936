import { randomUUID } from "node:crypto";
import { existsSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { axeFindings, PHONE } from "./browser";
import { storedParts } from "./agent-store";
import { docker, poll, readEvents, runTurn, sessionIs, until } from "./harness";
import { livePages } from "./live-pages";
import { conversation, LONG } from "./session-page";
import { workingSessions } from "./working-session";

/** Made of a session that writes; R17 asks for fifty. */
const UNDER_LOAD = Number(process.env.OPENAGENT_TEST_SNAPSHOTS ?? 4);
const MiB = 1024 * 1024;

describe("snapshots of a session", () => {
  const { product, client, newSession, open, shot } = livePages({ shots: "snapshots" });

  const { containerOf, treeOf, lastSeqOf, expectSameAsStore } = workingSessions(product);
  const inside = async (id: string, command: string) =>
    (await docker("exec", "-u", "1000", await containerOf(id), "sh", "-c", command)).trim();
  const shell = (id: string, command: string) =>
    runTurn(client(), { sessionId: id, text: command, kind: "shell" });
  const say = (id: string, text: string) =>
    runTurn(client(), { sessionId: id, text: `#script\nsay ${text}` });
  const list = async (id: string) => (await client().snapshots.list.query({ sessionId: id })).items;
  const take = async (id: string, name: string) => {
    const made = await client().snapshots.create.mutate({ sessionId: id, name });
    return poll(async () => {
      const now = (await list(id)).find((each) => each.id === made.id);
      if (now?.state === "failed") throw new Error(`no snapshot: ${JSON.stringify(now.reason)}`);
      return now?.state === "ready" ? now : undefined;
    }, "the snapshot");
  };
  /** Until a session that was put aside goes on. */
  const goesOn = async (id: string) => {
    await until(async () => {
      const { status, reason } = await client().sessions.get.query({ id });
      if (reason?.code === "restore_failed" || reason?.code === "not_restored")
        throw new Error(`not restored: ${JSON.stringify(reason)}`);
      return status === "idle";
    }, "the session to go on");
  };
  const restore = async (snapshotId: string, as: "in-place" | "new-session") => {
    const { id } = await client().snapshots.restore.mutate({ id: snapshotId, as });
    await goesOn(id);
    return id;
  };
  /** What the agent itself remembers to have said. */
  const remembered = async (id: string) =>
    (await storedParts(await containerOf(id))).flatMap(({ type, text }) => (type === "text" ? [text] : []));

  it("R17: are of one moment, whatever is written meanwhile, and each becomes a session that goes on", async () => {
    const id = await newSession();
    const loop = `for i in $(seq 1 5000); do echo $i >> first; echo $i >> second; done`;
    const call = `tool bash ${JSON.stringify({ command: loop, description: "write" })}`;
    const lines = Array.from({ length: 200 }, (_, at) => [`say word-${at} `, call]);
    const text = ["#script", "delay 20", ...lines.flat()].join("\n");
    await client().prompts.send.mutate({ sessionId: id, text, key: randomUUID() });
    const made: Awaited<ReturnType<typeof take>>[] = [];
    const hasWritten = async () => (await readEvents(client(), id)).some(({ type }) => type === "tool.ended");
    await until(hasWritten, "the first files");
    for (let n = 0; n < UNDER_LOAD; n += 1) {
      const snapshot = await take(id, `under load ${n}`);
      made.push(snapshot);
      await until(async () => (await lastSeqOf(id)) > (snapshot.lastSeq ?? 0) + 5, "the turn to go on");
    }
    expect(new Set(made.map(({ lastSeq }) => lastSeq)).size).toBe(UNDER_LOAD);
    await client().prompts.abort.mutate({ sessionId: id });

    for (const snapshot of made) {
      const copy = await restore(snapshot.id, "new-session");
      const [first = 0, second] = (await inside(copy, "cd /workspace && wc -l < first && wc -l < second"))
        .split("\n")
        .map(Number);
      expect(first).toBeGreaterThan(0);
      expect([first, first - 1], `first ${first}, second ${second}`).toContain(second);
      const check = `const { DatabaseSync } = require("node:sqlite"); const db = new DatabaseSync("/state/agent/data/opencode/opencode.db", { readOnly: true }); console.log(db.prepare("pragma integrity_check").get().integrity_check)`;
      expect(await docker("exec", "-u", "1000", await containerOf(copy), "node", "-e", check)).toBe("ok\n");
      await expectSameAsStore(copy);
      const { text: said } = await say(copy, "go on");
      expect(said).toContain("go on");
      // Its turn ended with the copy; what waits or runs in the other session does not.
      const ends = (await readEvents(client(), copy)).filter(({ type }) => type === "turn.ended");
      expect(ends.at(-2)).toMatchObject({ data: { outcome: "interrupted" } });
      await client().sessions.remove.mutate({ id: copy });
    }
    await expectSameAsStore(id);
    await client().sessions.remove.mutate({ id });
    expect(existsSync(join(product().dataDir, "snapshots", id))).toBe(false);
  });

  it("bring back files, memory and chat in place, and can be gone back from", async () => {
    const id = await newSession();
    await shell(id, "echo one > file; head -c 1048576 /dev/urandom > noise; ln -s file link; ln file hard");
    await say(id, "first");
    const tree = await treeOf(id);
    const snapshot = await take(id, "one");
    await shell(id, "echo two > file; rm noise; touch more");
    await say(id, "second");
    const later = await treeOf(id);

    await restore(snapshot.id, "in-place");
    expect(await treeOf(id)).toBe(tree);
    expect(await remembered(id)).not.toContainEqual(expect.stringContaining("second"));
    const events = await readEvents(client(), id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
    expect(events).toContainEqual(
      expect.objectContaining({
        type: "session.restored",
        data: expect.objectContaining({ seq: snapshot.lastSeq }) as unknown,
      }),
    );
    expect((await say(id, "third")).text).toContain("third");
    expect((await remembered(id)).join()).toMatch(/first.*third/);

    const [before] = await list(id);
    expect(before).toMatchObject({ name: "Before the restore of one", state: "ready" });
    await restore(before?.id ?? "", "in-place");
    expect(await treeOf(id)).toBe(later);
    expect((await remembered(id)).join()).toMatch(/first.*second/);
    await client().snapshots.remove.mutate({ id: snapshot.id });
    expect((await list(id)).map(({ id }) => id)).not.toContain(snapshot.id);
    await client().sessions.remove.mutate({ id });
  });

  it("wait for nobody's work: a turn or a prompt in line is not cut off", async () => {
    const id = await newSession();
    await say(id, "hello");
    const snapshot = await take(id, "quiet");
    await client().prompts.send.mutate({ sessionId: id, text: "#script\nhang", key: randomUUID() });
    await sessionIs(client(), id, "active");
    const refused = client().snapshots.restore.mutate({ id: snapshot.id, as: "in-place" });
    await expect(refused).rejects.toMatchObject({ data: { reason: "session_busy" } });
    await client().sessions.remove.mutate({ id });
  });

  it("that are damaged are not put in the place of what is whole", async () => {
    const id = await newSession();
    await shell(id, "echo kept > file; head -c 3000000 /dev/urandom > noise");
    const snapshot = await take(id, "broken");
    await shell(id, "echo newer > file");
    truncateSync(join(product().dataDir, "snapshots", id, snapshot.id, "workspace.tar.gz"), MiB);
    await client().snapshots.restore.mutate({ id: snapshot.id, as: "in-place" });
    const reason = await poll(async () => {
      const session = await client().sessions.get.query({ id });
      return session.reason?.code === "not_restored" ? session.reason : undefined;
    }, "the reason");
    expect(reason.message).toMatch(/damaged: delete it/);
    await client().sessions.resume.mutate({ id });
    await sessionIs(client(), id, "idle");
    expect(await inside(id, "cat /workspace/file")).toBe("newer");
    await client().sessions.remove.mutate({ id });
  });

  it("are put back to the end by the next server when one is killed in the middle", async () => {
    const id = await newSession();
    await shell(id, "echo one > file; head -c 150000000 /dev/urandom > noise");
    const tree = await treeOf(id);
    const snapshot = await take(id, "large");
    await shell(id, "echo two > file");
    const later = await treeOf(id);
    await client().snapshots.restore.mutate({ id: snapshot.id, as: "in-place" });
    // Once what there was is saved, its files give way.
    const isSaved = ({ name, state }: { name: string; state: string }) =>
      name === "Before the restore of large" && state === "ready";
    await until(async () => (await list(id)).some(isSaved), "the saved state");
    await product().stop("SIGKILL");
    await product().start();
    await until(async () => {
      const { reason, status } = await client().sessions.get.query({ id });
      return status === "stopped" && reason === null;
    }, "the end of the restore");
    await client().sessions.resume.mutate({ id });
    await sessionIs(client(), id, "idle");
    expect(await treeOf(id)).toBe(tree);
    const kept = (await list(id)).find(isSaved);
    await restore(kept?.id ?? "", "in-place");
    expect(await treeOf(id)).toBe(later);
  });

  it("are made, gone back to and copied in the page, by its menu", async () => {
    const id = await newSession("auto", "Snap");
    await say(id, "before it");
    const { page } = await open(id);
    const dialog = page.getByRole("dialog", { name: "Snapshots" });
    const show = async () => {
      await page
        .getByRole("button", { name: /^More about/ })
        .first()
        .click();
      await page.getByRole("menuitem", { name: "Snapshots…" }).click();
      await dialog.waitFor(LONG);
    };
    await show();
    await dialog.getByText("None yet.").waitFor(LONG);
    await dialog.getByRole("textbox", { name: "Name" }).fill("Good state");
    await page.keyboard.press("Enter");
    await dialog.getByText("Good state").waitFor(LONG);
    await dialog.getByRole("button", { name: "Restore" }).waitFor(LONG);
    await shot(page, "dialog-desktop-dark");
    expect(await axeFindings(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await say(id, "after it");
    await conversation(page).getByText("after it").last().waitFor(LONG);

    await show();
    await dialog.getByRole("button", { name: "Restore" }).click();
    const asked = page.getByRole("dialog", { name: "Go back to “Good state”?" });
    await asked.waitFor(LONG);
    await shot(page, "confirm-desktop-dark");
    await asked.getByRole("button", { name: "Restore" }).click();
    await conversation(page).getByText("Back to the snapshot “Good state”").waitFor(LONG);
    await conversation(page)
      .getByText(/^undone/)
      .waitFor(LONG);
    await goesOn(id);
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(PHONE);
    await shot(page, "restored-phone-light");
    await show();
    await dialog.getByText("Before the restore of Good state").waitFor(LONG);
    expect(await axeFindings(page)).toEqual([]);
    await shot(page, "dialog-phone-light");
    await dialog.getByRole("button", { name: "Open a copy" }).last().click();
    await page.waitForURL((url) => !url.pathname.endsWith(id), LONG);
    await conversation(page).getByText("A copy of Snap").waitFor(LONG);
    await conversation(page).getByText("before it").last().waitFor(LONG);
    expect(await conversation(page).getByText("after it").count()).toBe(0);
    await shot(page, "copy-phone-light");
  });
});
