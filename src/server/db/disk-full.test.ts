import { expect, it } from "vitest";
import { asDiskFull } from "./disk-full";

const failure = (code: string, options?: ErrorOptions) =>
  Object.assign(new Error(`failed with ${code}`, options), { code });

it.each(["SQLITE_FULL", "ENOSPC", "EDQUOT"])("a disk without room is told by its code: %s", (code) => {
  const wrapped = new Error("query failed", { cause: failure(code) });
  for (const error of [failure(code), wrapped])
    expect(asDiskFull(error)).toMatchObject({
      code: "SERVICE_UNAVAILABLE",
      reason: "out_of_disk",
      detail: `failed with ${code}`,
    });
});

it("nothing else is taken for it", () => {
  for (const error of [failure("SQLITE_BUSY"), new Error("disk is full"), "SQLITE_FULL", null])
    expect(asDiskFull(error)).toBeNull();
  const round = failure("SQLITE_BUSY");
  round.cause = round;
  expect(asDiskFull(round)).toBeNull();
});
