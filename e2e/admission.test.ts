import { describe, expect, it } from "vitest";
import { PHONE } from "./browser";
import { containersOf, runTurn, sessionIs } from "./harness";
import { livePages } from "./live-pages";
import { LONG } from "./session-page";

const MOST = 2;

/** R11: more sessions than may run. */
describe("a session beyond as many as may run", () => {
  const { product, client, browse, open, newSession, remove, shot } = livePages({
    shots: "admission",
    env: { OPENAGENT_MAX_SESSIONS: String(MOST) },
  });
  const placeOf = async (id: string) => {
    const { status, queue } = await client().sessions.get.query({ id });
    return [status, queue?.position ?? null, queue?.reason.code ?? null];
  };

  it("waits in line, says where, keeps its place over the server's end and starts by itself", async () => {
    const [first, second] = [await newSession("auto", "First"), await newSession("auto", "Second")];
    const waiting: string[] = [];
    for (const title of ["Third", "Fourth", "Fifth"]) {
      const prompt = `#script\nsay ${title} has begun`;
      waiting.push((await client().sessions.create.mutate({ title, permissionMode: "auto", prompt })).id);
    }
    const [third = "", fourth = "", fifth = ""] = waiting;
    expect(await Promise.all(waiting.map(placeOf))).toEqual(
      [1, 2, 3].map((position) => ["creating", position, "session_limit"]),
    );

    const { page } = await open(fifth);
    await page.getByText("Waits to be started: 3rd in line").waitFor(LONG);
    await page.getByText("As many sessions run as this installation allows").waitFor();
    await shot(page, "waits");
    const list = await (await browse({ viewport: PHONE, colorScheme: "light" })).newPage();
    await list.goto(product().url);
    await list.getByRole("main").getByText("2nd in line").waitFor(LONG);
    await shot(list, "list");

    await product().stop("SIGKILL");
    await product().start();
    expect(await Promise.all(waiting.map(placeOf))).toEqual(
      [1, 2, 3].map((position) => ["creating", position, "session_limit"]),
    );
    expect(await containersOf(product().instance)).toHaveLength(MOST);

    // Who leaves the line lets those behind move up; the page hears of it without being asked.
    await client().sessions.stop.mutate({ id: third });
    await page.getByText("Waits to be started: 2nd in line").waitFor(LONG);
    // Whoever restarts has a place, and does not wait behind the others for it.
    expect((await client().sessions.restart.mutate({ id: second })).queue).toBeNull();
    expect(await client().sessions.restart.mutate({ id: fifth })).toMatchObject({ queue: { position: 2 } });

    await remove(first);
    await sessionIs(client(), fourth, "idle");
    expect(await placeOf(fifth)).toEqual(["creating", 1, "session_limit"]);
    await client().sessions.stop.mutate({ id: second });
    await sessionIs(client(), fifth, "idle");
    await page.getByText("Fifth has begun").last().waitFor(LONG);
    expect(await containersOf(product().instance)).toHaveLength(MOST);

    const resumed = await client().sessions.resume.mutate({ id: second });
    expect(resumed).toMatchObject({ status: "creating", queue: { position: 1 } });
    await Promise.all([fourth, fifth].map((id) => remove(id)));
    await sessionIs(client(), second, "idle");
    const turn = await runTurn(client(), { sessionId: second, text: "#script\nsay still here" });
    expect(turn.text).toContain("still here");
  });
});
