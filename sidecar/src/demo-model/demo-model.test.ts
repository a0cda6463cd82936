import { createHook } from "node:async_hooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { ask, post, runTurn } from "./demo-client.testing";
import { createDemoModel } from "./demo-model";

const script = (...lines: string[]) => ["#script", ...lines].join("\n");
const errorOf = async (response: Response) =>
  z.object({ error: z.object({ message: z.string(), type: z.string() }) }).parse(await response.json()).error;

describe("scripts", () => {
  test("say streams words, think streams reasoning, usage comes last", async () => {
    const [answer] = await runTurn(script("think let me see", "say Hello big  world"));
    expect(answer).toMatchObject({ text: "Hello big  world", reasoning: "let me see", finish: "stop" });
    expect(answer?.deltas).toEqual(["let ", "me ", "see", "Hello ", "big  ", "world"]);
    expect(answer?.usage).toMatchObject({ completion_tokens: 6 });
    expect(answer?.usage?.prompt_tokens).toBeGreaterThan(10);
  });

  test("two say in one response are two lines of one text", async () => {
    const [answer] = await runTurn(script("say one", "", "say two"));
    expect(answer?.text).toBe("one\ntwo");
  });

  test("a tool call ends the response; the next one goes on after it", async () => {
    const results: string[] = [];
    const answers = await runTurn(
      script(
        'tool bash {"command":"echo \\"hi\\""}',
        "say between",
        'tool write {"filePath":"a","content":"b"}',
        "say end",
      ),
      (tool) => {
        results.push(`${tool.name} ${JSON.stringify(tool.input)}`);
        return "The user rejected permission to use this specific tool call.";
      },
    );
    expect(results).toEqual(['bash {"command":"echo \\"hi\\""}', 'write {"filePath":"a","content":"b"}']);
    expect(answers.map(({ text, finish }) => [text, finish])).toEqual([
      ["", "tool_calls"],
      ["between", "tool_calls"],
      ["end", "stop"],
    ]);
    expect(new Set(answers.map(({ tool }) => tool?.id)).size).toBe(3);
  });

  test("tools of earlier turns do not count", async () => {
    const answer = await ask([
      { role: "user", content: script("tool a {}", "say done") },
      { role: "assistant", content: null },
      { role: "tool", content: "x" },
      { role: "assistant", content: "done" },
      { role: "user", content: script("tool b {}", "say done again") },
    ]);
    expect(answer.tool).toMatchObject({ name: "b", input: {} });
  });

  test("a script that ends with a tool ends empty after it", async () => {
    const answers = await runTurn(script("tool a {}"));
    expect(answers.map(({ text, finish }) => [text, finish])).toEqual([
      ["", "tool_calls"],
      ["", "stop"],
    ]);
  });

  test("a large tool input arrives in pieces and whole", async () => {
    const input = { filePath: "a", content: "λ\n".repeat(5000) };
    const [answer] = await runTurn(script(`tool write ${JSON.stringify(input)}`), () => "ok");
    expect(answer?.tool?.input).toEqual(input);
  });

  test("flood gives as many deltas as it says", async () => {
    const [answer] = await runTurn(script("flood 2000"));
    expect(answer?.deltas).toHaveLength(2000);
    expect(answer?.text.startsWith("0 1 2 3 ")).toBe(true);
    expect(answer?.text.trim().split(" ").at(-1)).toBe("1999");
  });

  test.each([
    "sing a song",
    "tool bash {oops}",
    "tool bash [1]",
    "tool",
    "say",
    "delay soon",
    "sleep -1",
    "flood 99999999",
    "fail 200",
    "fail",
    "hang on",
  ])("the line %j is named with the lines that would do, and nothing after it runs", async (line) => {
    const [answer] = await runTurn(script("say before", line, "say after"));
    expect(answer?.text).toContain(`before\nI cannot read the line \`${line}\``);
    for (const word of ["say", "think", "tool", "delay", "sleep", "flood", "fail", "hang"]) {
      expect(answer?.text).toContain(`\`${word}`);
    }
    expect(answer?.text).not.toContain("after");
  });

  test.each([
    [
      "in a text part among others",
      [
        { type: "text", text: "Called the Read tool" },
        { type: "text", text: script("say hi") },
      ],
    ],
    ["with a reminder after it", `${script("say hi")}\n<system-reminder>\nBe brief.\n</system-reminder>`],
    ["with a reminder before it", `<system-reminder>Be brief.</system-reminder>\n\n${script("say hi")}`],
    ["with blanks around and Windows line ends", "\n  #script  \r\nsay hi\r\n\r\n"],
    [
      "beside an image",
      [
        { type: "image_url", image_url: { url: "data:," } },
        { type: "text", text: script("say hi") },
      ],
    ],
  ])("is found %s", async (_name, content) => {
    const [answer] = await runTurn(content);
    expect(answer?.text).toBe("hi");
  });

  test("an image that a tool gave is not taken for the person's words", async () => {
    const answer = await ask([
      { role: "user", content: script("tool read {}", "say seen") },
      { role: "assistant", content: null },
      { role: "tool", content: "Image read successfully" },
      {
        role: "user",
        content: [{ type: "text", text: "Attached media from tool result:" }, { type: "image_url" }],
      },
    ]);
    expect(answer.text).toBe("seen");
  });

  test("without streaming the answer is one object", async () => {
    const messages = [{ role: "user", content: script("think hm", "say a b", 'tool bash {"command":"ls"}') }];
    const response = await post({ messages });
    expect(await response.json()).toMatchObject({
      object: "chat.completion",
      model: "demo-1",
      choices: [
        {
          message: {
            role: "assistant",
            content: "a b",
            reasoning_content: "hm",
            tool_calls: [{ type: "function", function: { name: "bash", arguments: '{"command":"ls"}' } }],
          },
          finish_reason: "tool_calls",
        },
      ],
      usage: { completion_tokens: 5 },
    });
  });
});

describe("failures", () => {
  const messages = (...lines: string[]) => [{ role: "user", content: script(...lines) }];

  test.each([
    [401, "authentication_error"],
    [429, "rate_limit_error"],
    [500, "server_error"],
  ])("fail %i is that status with an error body, when nothing came before it", async (status, type) => {
    for (const stream of [true, false]) {
      const response = await post({ messages: messages("delay 1", `fail ${status}`), stream });
      expect(response.status).toBe(status);
      expect(await errorOf(response)).toMatchObject({ type });
    }
  });

  test("fail after a tool is the status of the response that follows", async () => {
    const history = [...messages("say x", "tool a {}", "fail 503"), { role: "tool", content: "ok" }];
    expect((await post({ messages: history, stream: true })).status).toBe(503);
  });

  test("fail after text is an error event in the stream", async () => {
    const response = await post({ messages: messages("say some words", "fail 500"), stream: true });
    expect(response.status).toBe(200);
    const body = await response.text();
    expect(body).toContain("some ");
    expect(body).toContain('data: {"error":{"message"');
    expect(body).not.toContain("[DONE]");
  });

  test.each([["say some words", "fail cut"], ["fail cut"]])(
    "fail cut breaks the stream",
    async (...lines) => {
      const response = await post({ messages: messages(...lines), stream: true });
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow();
    },
  );

  test("says what is wrong with a request that is none, another model, another path", async () => {
    const model = createDemoModel();
    const bad = await model.request("/v1/chat/completions", { method: "POST", body: "{" });
    expect([bad.status, (await errorOf(bad)).message]).toEqual([
      400,
      expect.stringContaining("send `model`"),
    ]);
    const other = await post({ model: "gpt", messages: [] });
    expect([other.status, (await errorOf(other)).message]).toEqual([404, expect.stringContaining("demo-1")]);
    expect((await model.request("/v1/embeddings")).status).toBe(404);
    const list = await model.request("/v1/models");
    expect(await list.json()).toMatchObject({ data: [{ id: "demo-1" }] });
  });
});

describe("leaving", () => {
  const SLEEP_MS = 599_999;
  /** Timers that run for so long: the script's alone. Fake timers do not see them, and vitest has some of its own. */
  const sleeps = new Set<number>();
  const hook = createHook({
    init(id, type, _trigger, timer) {
      if (type === "Timeout" && Reflect.get(timer, "_idleTimeout") === SLEEP_MS) sleeps.add(id);
    },
    destroy: (id) => void sleeps.delete(id),
  });
  beforeEach(() => void hook.enable());
  afterEach(() => {
    hook.disable();
    sleeps.clear();
  });

  test.each([["hang"], [`sleep ${SLEEP_MS}`]])(
    "an aborted request ends at once and leaves no timer: %s",
    async (line) => {
      const leaving = new AbortController();
      const pending = post(
        { messages: [{ role: "user", content: script(line) }], stream: true },
        leaving.signal,
      );
      if (line !== "hang") await expect.poll(() => sleeps.size).toBe(1);
      leaving.abort();
      expect((await pending).status).toBe(499);
      await expect.poll(() => sleeps.size).toBe(0);
    },
  );

  test("a reader that leaves in the middle leaves no timer", async () => {
    const content = script("say first", `sleep ${SLEEP_MS}`, "say late");
    const response = await post({ messages: [{ role: "user", content }], stream: true });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    await expect.poll(() => sleeps.size).toBe(1);
    await reader?.cancel();
    await expect.poll(() => sleeps.size).toBe(0);
  });
});

test("delay stands between deltas and holds on after a tool; sleep waits once", async () => {
  const timed = async (messages: { role: string; content: unknown }[]) => {
    const start = performance.now();
    await ask(messages);
    return performance.now() - start;
  };
  const user = { role: "user", content: script("delay 20", "tool a {}", "say a b c d e") };
  expect(await timed([user, { role: "tool", content: "ok" }])).toBeGreaterThanOrEqual(95);
  expect(await timed([{ role: "user", content: script("sleep 60", "say a") }])).toBeGreaterThanOrEqual(58);
  expect(
    await timed([{ role: "user", content: script("delay 60000", "delay 0", "say a b c") }]),
  ).toBeLessThan(15_000);
});
