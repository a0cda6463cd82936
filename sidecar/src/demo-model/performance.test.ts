import { expect, test } from "vitest";
import { ask, runTurn } from "./demo-client.testing";
import { firstWords, helloPage } from "./hello-page";

const words = (text: string) => text.replace(/\s+/g, " ");

test("free text gets a page, a command and an honest report", async () => {
  const calls: { name: string; input: unknown }[] = [];
  const answers = await runTurn("Make a page about <b>cats</b> & dogs", (tool) => {
    calls.push(tool);
    return tool.name === "write" ? "Wrote file successfully." : "-rw-r--r-- 1 agent agent 512 hello.html\n";
  });
  expect(calls.map(({ name }) => name)).toEqual(["write", "bash"]);
  expect(calls[0]?.input).toMatchObject({ filePath: "hello.html" });
  expect(JSON.stringify(calls[0]?.input)).toContain("Make a page about &lt;b&gt;cats&lt;/b&gt; &amp; dogs");
  expect(calls[1]?.input).toMatchObject({ command: expect.stringContaining("hello.html") as string });
  expect(answers[0]?.reasoning).toContain("cats");
  expect(words(answers[0]?.text ?? "")).toContain("demo model: scripted, no AI");
  expect(answers[1]?.text).toContain("Wrote file successfully.");
  expect(answers[2]?.text).toContain("512 hello.html");
  expect(answers[2]?.finish).toBe("stop");
});

test("what the person rejects is not claimed to have happened, and the rest goes on", async () => {
  const rejection =
    "The user rejected permission to use this specific tool call with the following feedback: no";
  const answers = await runTurn("cats", () => rejection);
  expect(answers).toHaveLength(3);
  expect(answers[1]?.text).toContain("You did not allow the file");
  expect(answers[1]?.tool?.input).toEqual({ command: "ls -la" });
  expect(answers[2]?.text).toContain("You did not allow the command, so it was not run.");
});

test("only tools that are offered are called", async () => {
  const prompt = [{ role: "user", content: "cats" }];
  expect((await ask(prompt, ["bash"])).tool?.name).toBe("bash");
  expect((await ask(prompt, ["read"])).tool).toBeUndefined();
  expect((await ask(prompt, [])).text).toContain("no AI");
});

test("a title is made of the person's words", async () => {
  const title = (content: string) =>
    ask(
      [
        { role: "system", content: "You are a title generator. You output ONLY a thread title." },
        { role: "user", content: "Generate a title for this conversation:\n" },
        { role: "user", content },
      ],
      [],
    ).then(({ text }) => text);
  expect(await title("make a hello page\nabout cats")).toBe("Make a hello page about cats");
  const long = await title("please refactor the whole of the billing service into many smaller ones");
  expect(long).toBe("Please refactor the whole of the billing service…");
  expect(await title("#script\nthink x\nsay greetings to all\nhang")).toBe("Greetings to all");
  expect(await title("#script\nfail 500")).toBe("Scripted run");
});

test("a summary is short, in the sections that were asked for, whatever the conversation held", async () => {
  const { text, tool } = await ask(
    [
      { role: "system", content: "You are a context summarization agent." },
      {
        role: "user",
        content:
          "Here is the conversation so far:\n\n<conversation>\n[User]: #script\nhang\n\n[User]: cats\n",
      },
    ],
    [],
  );
  expect(text).toContain("## Objective\n- The person asked: #script\n- The person asked: cats");
  expect(tool).toBeUndefined();
});

test("the page differs with the prompt and holds it as text only", () => {
  expect(helloPage("cats")).not.toBe(helloPage("dogs"));
  const page = helloPage(`"><script>alert('1')</script>`);
  expect(page).not.toContain("<script>");
  expect(helloPage("   ")).toContain("<h1>Hello</h1>");
});

test("words are cut at a blank, and a long word within itself", () => {
  expect(firstWords("one two three", 7)).toBe("one two…");
  expect(firstWords("one two", 7)).toBe("one two");
  expect(firstWords("a".repeat(20), 10)).toBe(`${"a".repeat(9)}…`);
});
