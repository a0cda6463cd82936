import { TRPCError, type TRPCDefaultErrorShape } from "@trpc/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { DriverError } from "../../drivers/driver";
import { AppError, notFound } from "../errors";
import { formatError, isUnforeseen, toTrpcError } from "./error-map";

const usual: TRPCDefaultErrorShape = {
  code: -32603,
  message: "the usual",
  data: { code: "INTERNAL_SERVER_ERROR", httpStatus: 500, path: "a.b" },
};
const wrapped = (cause: unknown) =>
  new TRPCError({ code: "INTERNAL_SERVER_ERROR", message: "secret path /srv", cause });
const shown = (error: TRPCError) => formatError({ shape: usual, error, ctx: undefined });

describe("formatError", () => {
  it("gives our errors their code, reason and both texts", () => {
    const cause = new AppError("CONFLICT", "taken", "Take another.", { detail: "users_email" });
    const shape = shown(toTrpcError(wrapped(cause)));
    expect(shape).toMatchObject({ code: -32009, message: "Take another." });
    expect(shape.data).toMatchObject({
      code: "CONFLICT",
      httpStatus: 409,
      reason: "taken",
      detail: "users_email",
      path: "a.b",
    });
  });

  it("maps what a subscription throws half way, which the builders never see", () => {
    expect(shown(wrapped(notFound("session"))).data).toMatchObject({
      code: "NOT_FOUND",
      httpStatus: 404,
      reason: "not_found",
    });
  });

  it("gives the engine's failures their sentence and reason", () => {
    const shape = shown(
      toTrpcError(wrapped(new DriverError("engine_unreachable", "Start Docker.", "ENOENT"))),
    );
    expect(shape.message).toBe("Start Docker.");
    expect(shape.data).toMatchObject({
      code: "SERVICE_UNAVAILABLE",
      httpStatus: 503,
      reason: "engine_unreachable",
      detail: "ENOENT",
    });
  });

  it("says of a write that found no room what to do", () => {
    const full = Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" });
    const error = toTrpcError(wrapped(full));
    for (const shape of [shown(error), shown(wrapped(full))]) {
      expect(shape.message).toContain("Free some room");
      expect(shape.data).toMatchObject({ httpStatus: 503, reason: "out_of_disk" });
    }
    expect(isUnforeseen(error)).toBe(false);
  });

  it("names the input's wrong field", () => {
    const cause = z.object({ a: z.object({ n: z.number() }) }).safeParse({ a: { n: "x" } }).error;
    const shape = shown(new TRPCError({ code: "BAD_REQUEST", cause }));
    expect(shape.message).toMatch(/^The field "a\.n" is not right: .*Correct it and try again\.$/);
    expect(shape.data.reason).toBe("bad_input");
  });

  it.each([
    [
      z.object({ key: z.string() }),
      {},
      'The field "key" is not right: it is missing. Correct it and try again.',
    ],
    [
      z.object({ a: z.string().max(1, "Send one.") }),
      { a: "xx" },
      'The field "a" is not right: Send one. Correct it and try again.',
    ],
  ])("says what is wrong in a sentence of its own, with one full stop", (schema, input, message) => {
    const cause = schema.safeParse(input).error;
    expect(shown(new TRPCError({ code: "BAD_REQUEST", cause })).message).toBe(message);
  });

  it("says of a body that is not JSON that it is none", () => {
    const cause = new SyntaxError("Unexpected token");
    expect(shown(new TRPCError({ code: "BAD_REQUEST", cause })).message).toMatch(/not valid JSON/);
  });

  it("lets nothing out of a failure that nobody foresaw", () => {
    for (const cause of [new Error("secret path /srv"), z.number().safeParse("x").error, "text", undefined]) {
      const shape = shown(toTrpcError(wrapped(cause)));
      expect(shape.data).toMatchObject({ code: "INTERNAL_SERVER_ERROR", reason: "internal", detail: null });
      expect(JSON.stringify(shape)).not.toContain("secret");
      expect(shape.data.stack).toBeUndefined();
    }
  });
});
