import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTerminal } from "../src/client/index";
import { containersOf, docker, type Product, runTurn, sessionIs, startProduct, until } from "./harness";

describe("what runs on after a turn", () => {
  let product: Product;
  beforeAll(async () => {
    product = await startProduct();
  });
  afterAll(async () => product?.close());

  /** Starts as daemons do: in a session of its own, its parent gone. */
  const daemon = (seconds: number) => `(setsid sleep ${seconds} >/dev/null 2>&1 &)`;
  const daemons = async () => {
    const [container] = await containersOf(product.instance);
    const shown = await docker("top", container ?? "", "-eo", "pid,args");
    return [...shown.matchAll(/ sleep (\d+)$/gm)].map((found) => Number(found[1])).sort();
  };

  it("is what a person started in a terminal, also when that is closed, and nothing that a tool started", async () => {
    const { id: sessionId } = await product.client.sessions.create.mutate({ permissionMode: "auto" });
    await sessionIs(product.client, sessionId, "idle");
    const { url, token } = product;
    const onOutput = () => undefined;
    const terminal = await openTerminal(product.client, {
      ...{ url, token, sessionId, cols: 80, rows: 24 },
      onOutput,
    });
    terminal.write(`${daemon(4711)}\n`);
    await until(async () => (await daemons()).includes(4711), "the person's daemon");

    const turn = (seconds: number) => {
      const command = `${daemon(seconds)}; until ps -eo args | grep '^sleep ${seconds}'; do sleep 0.1; done`;
      const input = { command, description: "d" };
      return runTurn(product.client, { sessionId, text: `#script\ntool bash ${JSON.stringify(input)}` });
    };
    const { events } = await turn(4712);
    expect(JSON.stringify(events)).toContain("sleep 4712\\n");
    await until(async () => !(await daemons()).includes(4712), "the end of the tool's daemon");
    expect(await daemons()).toEqual([4711]);

    await terminal.close({ end: true });
    await turn(4713);
    await until(async () => !(await daemons()).includes(4713), "the end of the tool's daemon");
    expect(await daemons()).toEqual([4711]);
    await product.client.sessions.remove.mutate({ id: sessionId });
  });
});
