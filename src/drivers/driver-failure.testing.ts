import { expect } from "vitest";
import type { DriverError } from "./driver";

/** What a call of a driver failed with. Fails itself when that went well, or threw anything else. */
export async function failureOf(action: Promise<unknown>): Promise<DriverError> {
  const error: unknown = await action.then(
    () => null,
    (cause: unknown) => cause,
  );
  expect(error).toMatchObject({ name: "DriverError" });
  return error as DriverError;
}
