import { afterEach, expect, it } from "vitest";
import { makeTestSidecar, type TestSidecar } from "./instance.testing";
import { createLog } from "./log";

let sidecar: TestSidecar;
let lines: Record<string, unknown>[];
afterEach(() => sidecar.close());

async function abort(headers: Record<string, string>): Promise<number> {
  const { status } = await sidecar.app.request("/abort", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: "{}",
  });
  return status;
}
const requests = () => lines.filter((line) => line.message === "request");

it("writes a line with the server's request id for a change, and no id that is ill-formed", async () => {
  lines = [];
  const log = createLog((line) => void lines.push(JSON.parse(line) as Record<string, unknown>));
  sidecar = await makeTestSidecar({ log });
  await sidecar.register();
  const authorization = `Bearer ${sidecar.bearer}`;
  expect(await abort({ authorization, "x-request-id": "rq_0123456789abcdef" })).toBe(200);
  expect(requests()).toMatchObject([
    { method: "POST", path: "/abort", status: 200, requestId: "rq_0123456789abcdef" },
  ]);
  for (const id of ["short", 'rq_"}{"level":"error"', "x".repeat(65)])
    expect(await abort({ authorization, "x-request-id": id })).toBe(200);
  expect(requests()).toHaveLength(4);
  expect(requests().map((line) => "requestId" in line)).toEqual([true, false, false, false]);
});

it("writes none for who has no token", async () => {
  lines = [];
  const log = createLog((line) => void lines.push(JSON.parse(line) as Record<string, unknown>));
  sidecar = await makeTestSidecar({ log });
  await sidecar.register();
  expect(await abort({ "x-request-id": "rq_0123456789abcdef" })).toBe(401);
  expect(requests()).toEqual([]);
});
