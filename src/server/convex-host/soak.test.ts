import { ConvexClient } from "convex/browser";
import { expect, test } from "vitest";
import WebSocket from "ws";
import { api, startTestHost } from "./fixture.testing";

const CLIENTS = 6;
const DEPOSITS = 400;
const DEPOSITS_A_CUT = 50;
const ACCOUNTS = 5;

type Balances = { name: string; balance: number }[];

const inOrder = (balances: Balances) => [...balances].sort((a, b) => (a.name < b.name ? -1 : 1));

/** Both queries as one moment of the client shows them; null until it has both. */
function follow(url: string) {
  const client = new ConvexClient(url, {
    webSocketConstructor: WebSocket as unknown as typeof globalThis.WebSocket,
    logger: false,
  });
  client.onUpdate(api.bank.balances, {}, () => undefined);
  client.onUpdate(api.bank.sums, {}, () => undefined);
  const snapshots: { balances: Balances; sums: Balances }[] = [];
  client.client.addOnTransitionHandler(() => {
    const balances: unknown = client.client.localQueryResult("bank:balances", {});
    const sums: unknown = client.client.localQueryResult("bank:sums", {});
    if (balances === undefined || sums === undefined) return;
    snapshots.push({ balances: inOrder(balances as Balances), sums: inOrder(sums as Balances) });
  });
  return { client, snapshots };
}

test("with connections cut again and again, each snapshot is whole and in the end nothing is missing", async () => {
  const { url, http, cut, close } = await startTestHost();
  const followers = Array.from({ length: CLIENTS }, () => follow(url));
  const expected = new Map<string, number>();
  for (let i = 1; i <= DEPOSITS; i++) {
    const account = `account-${i % ACCOUNTS}`;
    // Every seventh fails after it has written, and must leave nothing.
    const isRefused = i % 7 === 0;
    const done = http.mutation(api.bank.deposit, { account, amount: i, isRefused }, { skipQueue: true });
    if (isRefused) await expect(done).rejects.toThrow();
    else {
      await done;
      expected.set(account, (expected.get(account) ?? 0) + i);
    }
    if (i % DEPOSITS_A_CUT === 0) {
      await expect
        .poll(() => followers.every(({ client }) => client.connectionState().isWebSocketConnected))
        .toBe(true);
      cut();
    }
  }
  const end = inOrder([...expected].map(([name, balance]) => ({ name, balance })));
  await expect
    .poll(() => followers.map(({ snapshots }) => snapshots.at(-1)))
    .toEqual(followers.map(() => ({ balances: end, sums: end })));
  for (const { snapshots } of followers) {
    expect(snapshots.length).toBeGreaterThan(1);
    for (const { balances, sums } of snapshots) expect(balances).toEqual(sums);
  }
  for (const { client } of followers) await client.close();
  await close();
});
