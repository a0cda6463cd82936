import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  containersOf,
  docker,
  poll,
  type Product,
  readEvents,
  runExample,
  runTurn,
  sessionIs,
  spokenText,
  startProduct,
  until,
  volumesOf,
} from "./harness";

describe("a newcomer's first session, by script", () => {
  let product: Product;
  beforeAll(async () => {
    product = await startProduct();
  });
  afterAll(async () => product?.close());

  it("runs examples/hello.ts from a token to a finished, approved turn, and leaves nothing behind", async () => {
    const { stdout, code } = await runExample("hello.ts", product);
    expect(stdout).toContain("hello.html");
    expect(code, stdout).toBe(0);
    expect(await containersOf(product.instance)).toEqual([]);
    expect(await volumesOf(product.instance)).toEqual([]);
  });

  it("creates at once, takes the prompt while creating, keeps files and chat over stop and resume, and removes all", async () => {
    const { client } = product;
    const session = await client.sessions.create.mutate({
      title: "Life",
      permissionMode: "auto",
      prompt: "make a hello page",
    });
    expect(session.status).toBe("creating");
    const id = session.id;
    await sessionIs(client, id, "idle");
    const steps = new Set<string>();
    let seq = 0;
    for (const event of await allEvents(id)) {
      expect(event.seq).toBe(++seq);
      if (event.type === "session.status" && event.data.step) steps.add(event.data.step);
    }
    expect([...steps]).toEqual(["image", "volume", "container", "sidecar", "keys", "agent"]);

    await sessionIs(client, id, "idle");
    await doneTurns(id, 1);
    const terminal = await runExample("terminal.ts", { ...product, args: [id, "cat hello.html"] });
    expect(terminal.stdout).toContain("<h1>");
    expect(terminal.code).toBe(0);

    const before = await client.sessions.timeline.query({ id });
    expect((await client.sessions.stop.mutate({ id })).status).toBe("stopped");
    expect(await containersOf(product.instance)).toEqual([]);
    await expect(
      client.prompts.send.mutate({ sessionId: id, text: "hi", key: "stopped" }),
    ).rejects.toMatchObject({
      data: { reason: "session_stopped" },
      message: expect.stringContaining("Resume") as string,
    });

    expect((await client.sessions.resume.mutate({ id })).status).toBe("creating");
    await sessionIs(client, id, "idle");
    const listed = await runTurn(client, { sessionId: id, text: "cat hello.html", kind: "shell" });
    expect(JSON.stringify(listed.events)).toContain("<h1>");
    const again = await runTurn(client, { sessionId: id, text: "#script\nsay still here" });
    expect(again.text).toContain("still here");
    const after = await client.sessions.timeline.query({ id });
    expect(after.messages.slice(0, before.messages.length).map((m) => m.id)).toEqual(
      before.messages.map((m) => m.id),
    );

    await client.sessions.remove.mutate({ id });
    expect(await containersOf(product.instance)).toEqual([]);
    expect(await volumesOf(product.instance)).toEqual([]);
    await expect(client.sessions.get.query({ id })).rejects.toMatchObject({ data: { code: "NOT_FOUND" } });
  });

  it("relays a permission request, holds the turn until it is answered, and carries a rejection's message to the agent", async () => {
    const { client } = product;
    const { id } = await client.sessions.create.mutate({ permissionMode: "ask" });
    await sessionIs(client, id, "idle");
    const script =
      '#script\ntool bash {"command":"touch made-by-agent","description":"touch"}\nsay after the tool';
    const { promptId } = await client.prompts.send.mutate({ sessionId: id, text: script, key: "ask" });
    const open = await poll(
      async () => (await client.requests.list.query({ sessionId: id, open: true })).items[0],
      "the request",
    );
    expect(open).toMatchObject({ kind: "permission", default: "reject", open: true });
    expect((await client.sessions.get.query({ id })).needsInput).toBe(true);
    expect((await allEvents(id)).filter((e) => e.type === "turn.ended")).toEqual([]);
    await client.requests.respond.mutate({ id: open.id, reply: "reject", message: "Use another name." });
    await expect(client.requests.respond.mutate({ id: open.id, reply: "once" })).rejects.toMatchObject({
      data: { reason: "already_answered" },
    });
    const ended = await poll(
      async () => (await allEvents(id)).find((e) => e.type === "turn.ended" && e.data.promptId === promptId),
      "the turn's end",
    );
    expect(ended).toMatchObject({ data: { outcome: "done" } });
    const files = await runTurn(client, { sessionId: id, text: "ls", kind: "shell" });
    expect(JSON.stringify(files.events)).not.toContain("made-by-agent");

    const second = await runTurn(client, { sessionId: id, text: script, reply: "once" });
    expect(second.text).toContain("after the tool");
    expect(
      JSON.stringify((await runTurn(client, { sessionId: id, text: "ls", kind: "shell" })).events),
    ).toContain("made-by-agent");
    await client.sessions.remove.mutate({ id });
  });

  it("aborts a turn in the middle of its text and goes on with the next prompt", async () => {
    const { client } = product;
    const { id } = await client.sessions.create.mutate({ permissionMode: "auto" });
    await sessionIs(client, id, "idle");
    const long = runTurn(client, { sessionId: id, text: "#script\nsay one\nhang" });
    await until(async () => spokenText(await allEvents(id)).includes("one"), "the first word");
    expect((await client.sessions.get.query({ id })).status).toBe("active");
    expect(await client.prompts.abort.mutate({ sessionId: id })).toMatchObject({ aborted: true });
    expect((await long).outcome).toBe("aborted");
    expect((await runTurn(client, { sessionId: id, text: "#script\nsay next" })).text).toContain("next");
    await client.sessions.remove.mutate({ id });
  });

  it("stops what was sent a moment ago, on its way or waiting for the start, and nothing of it runs", async () => {
    const { client } = product;
    const { id } = await client.sessions.create.mutate({ permissionMode: "auto" });
    const stopped: string[] = [];
    const stoppedBeforeStart: string[] = [];
    const sendAndAbort = async () => {
      const text = "#script\nsay never\nhang";
      const { promptId } = await client.prompts.send.mutate({ sessionId: id, text, key: randomUUID() });
      stopped.push(promptId);
      expect(await client.prompts.abort.mutate({ sessionId: id })).toMatchObject({ aborted: true });
      if ((await client.sessions.get.query({ id })).status === "creating") stoppedBeforeStart.push(promptId);
    };
    await sendAndAbort();
    await sendAndAbort();
    await sessionIs(client, id, "idle");
    for (let round = 0; round < 8; round += 1) await sendAndAbort();
    expect((await runTurn(client, { sessionId: id, text: "#script\nsay next" })).text).toContain("next");
    const outcomes = (await readEvents(client, id)).flatMap((event) =>
      (event.type === "turn.ended" || event.type === "prompt.cancelled") &&
      stopped.includes(event.data.promptId)
        ? [[event.data.promptId, event.type === "turn.ended" ? event.data.outcome : "cancelled"] as const]
        : [],
    );
    expect(outcomes.map(([promptId]) => promptId).sort()).toEqual(stopped.sort());
    for (const [promptId, outcome] of outcomes) {
      if (stoppedBeforeStart.includes(promptId)) expect(outcome).toBe("cancelled");
      else expect(["cancelled", "aborted"]).toContain(outcome);
    }
    await client.sessions.remove.mutate({ id });
  });

  it("starts two sessions at once", async () => {
    const { client } = product;
    const made = await Promise.all([client.sessions.create.mutate({}), client.sessions.create.mutate({})]);
    await Promise.all(made.map(({ id }) => sessionIs(client, id, "idle")));
    expect(await containersOf(product.instance)).toHaveLength(2);
    const modes = await docker(
      ...["inspect", "-f", "{{.HostConfig.NetworkMode}}", ...(await containersOf(product.instance))],
    );
    expect(modes).toBe("none\nnone\n");
    await Promise.all(made.map(({ id }) => client.sessions.remove.mutate({ id })));
  });

  const allEvents = (id: string) => readEvents(product.client, id);

  async function doneTurns(id: string, count: number): Promise<void> {
    await until(async () => {
      const ended = (await allEvents(id)).filter((e) => e.type === "turn.ended" && e.data.outcome === "done");
      return ended.length >= count;
    }, `the end of ${count} turns`);
  }
});
