import { TRPCClientError } from "@trpc/client";
import { isObject } from "./parse-json";

/** Why the server refused a call, one of `REASONS`. @returns null for what is no refusal of the server's */
export function reasonOf(cause: unknown): string | null {
  const data: unknown = cause instanceof TRPCClientError ? cause.data : null;
  return isObject(data) && typeof data.reason === "string" ? data.reason : null;
}
