import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCredentialProxy } from "../credential-proxy/credential-proxy";
import { createDemoModel } from "./demo-model";
import {
  hasOpencode,
  startRealOpencode,
  type OpencodeMessage,
  type RealOpencode,
} from "./real-opencode.testing";

/** The demo model as sessions use it: the real opencode, through the credential proxy's listener. */
describe.skipIf(!hasOpencode)("with the real opencode", { timeout: 180_000 }, () => {
  let opencode: RealOpencode;
  let model: { port: number; close(): Promise<void> };

  beforeAll(async () => {
    const proxy = createCredentialProxy({
      providers: () => [],
      demo: createDemoModel(),
      egress: { socketPath: "/nonexistent", secret: () => null },
      log: { warn: () => undefined },
    });
    model = await proxy.listen(0);
    opencode = await startRealOpencode(model.port);
  }, 180_000);

  afterAll(async () => {
    await opencode?.stop();
    await model?.close();
  });

  const permission = async () => {
    await expect.poll(() => opencode.permissions()).toHaveLength(1);
    const [asked] = await opencode.permissions();
    if (asked === undefined) throw new Error("no permission is asked for");
    return asked;
  };
  /** Messages since the person's `turns`th words, once the last of them has stopped. */
  const finished = async (sessionId: string, turns: number): Promise<OpencodeMessage[]> => {
    const turn = async () => {
      const messages = await opencode.messages(sessionId);
      const users = messages.flatMap((message, index) => (message.info.role === "user" ? [index] : []));
      return messages.slice(users[turns - 1] ?? messages.length);
    };
    await expect.poll(async () => (await turn()).at(-1)?.info.finish).toBe("stop");
    return turn();
  };
  const textOf = (messages: OpencodeMessage[], type = "text") =>
    messages
      .filter((message) => message.info.role === "assistant")
      .flatMap((message) => message.parts.flatMap((part) => (part.type === type ? [part.text ?? ""] : [])))
      .join("\n");
  const toolsOf = (messages: OpencodeMessage[]) =>
    messages.flatMap((message) =>
      message.parts.flatMap((part) => (part.type === "tool" ? [[part.tool, part.state?.status]] : [])),
    );

  test("free text is the whole performance, permission and title included, again and again", async () => {
    const sessionId = await opencode.createSession();
    await opencode.prompt(sessionId, "Make a hello page about otters");
    const asked = await permission();
    expect(asked.permission).toBe("bash");
    expect(asked.metadata.command).toContain("hello.html");
    expect(await readFile(path.join(opencode.workspace, "hello.html"), "utf8")).toContain(
      "page about otters",
    );
    await opencode.reply(asked.id, { reply: "once" });

    const turn = await finished(sessionId, 1);
    expect(toolsOf(turn)).toEqual([
      ["write", "completed"],
      ["bash", "completed"],
    ]);
    expect(textOf(turn, "reasoning")).toContain("otters");
    expect(textOf(turn)).toContain("scripted, no AI");
    expect(textOf(turn)).toContain("<h1>Make a hello page about otters</h1>");
    await expect.poll(() => opencode.title(sessionId)).toBe("Make a hello page about otters");

    await opencode.prompt(sessionId, "Now make one about badgers");
    const again = await permission();
    await opencode.reply(again.id, { reply: "reject", message: "rather not" });
    const second = await finished(sessionId, 2);
    expect(toolsOf(second)).toEqual([
      ["write", "completed"],
      ["bash", "error"],
    ]);
    expect(await readFile(path.join(opencode.workspace, "hello.html"), "utf8")).toContain("badgers");
    expect(textOf(second)).toContain("You did not allow the command, so it was not run.");

    await opencode.summarize(sessionId);
    await expect
      .poll(async () => textOf(await opencode.messages(sessionId)))
      .toContain("- The person asked: Make a hello page about otters");
  });

  test("a script runs line by line through real tools", async () => {
    const sessionId = await opencode.createSession();
    const lines = [
      "#script",
      "think plan",
      "say first",
      'tool write {"filePath":"a.txt","content":"alpha"}',
      'tool read {"filePath":"a.txt"}',
      "flood 300",
      "say last",
      "tool glob {}",
    ];
    await opencode.prompt(sessionId, lines.join("\n"));
    const turn = await finished(sessionId, 1);
    expect(toolsOf(turn).map(([name]) => name)).toEqual(["write", "read", "glob"]);
    expect(JSON.stringify(turn)).toContain("alpha");
    expect(textOf(turn, "reasoning")).toBe("plan");
    expect(textOf(turn)).toMatch(/^first\n0 1 2 [^]*299 \nlast/);
  });

  test("a failing status reaches the person as the provider's error", async () => {
    const sessionId = await opencode.createSession();
    await opencode.prompt(sessionId, "#script\nfail 401");
    await expect
      .poll(async () => JSON.stringify((await opencode.messages(sessionId)).at(-1)?.info.error ?? null))
      .toContain("asked it to fail with 401");
  });
});
