import { zValidator } from "@hono/zod-validator";
import type { ZodType } from "zod";
import { SidecarError } from "./errors";

/**
 * Validates a part of the request; a misfit answers 400 in the sidecar's error shape.
 * The detail names paths and rules, never values: a body may hold secrets.
 */
export function valid<S extends ZodType, T extends "json" | "query" | "param">(target: T, schema: S) {
  return zValidator(target, schema, (result) => {
    if (result.success) return;
    const detail = result.error.issues
      .map((issue) => `${issue.path.join(".") || "body"}: ${issue.code}`)
      .join("; ");
    throw new SidecarError(
      "bad_request",
      "The request does not fit the contract; update server and sidecar together.",
      detail,
    );
  });
}
