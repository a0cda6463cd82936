import { z } from "zod";
import type { Caller } from "../../auth/caller";
import type { Role } from "../../db/schema";
import { AppError } from "../../errors";
import { procedure, router } from "../builders";
import { textInput } from "./text-input";

const keysFrom = (minRole: Role) =>
  procedure({ kind: "person", scope: "keys", minRole }).use(({ ctx, next }) => {
    requireNamedScope(ctx.caller);
    return next();
  });
const keys = keysFrom("viewer");
const keyId = z.strictObject({ id: z.string().min(1).max(128) });

const upsertInput = z.strictObject({
  /** A provider of the catalogue, or a name of one's own for an endpoint with `baseUrl`. Part of a URL's path. */
  providerId: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9._-]{0,63}$/,
      "Use up to 64 lower-case letters, digits, dots, hyphens and underscores.",
    ),
  /** Becomes a header: anything else in it would end the header or be refused by the provider. */
  key: z
    .string()
    .trim()
    .min(1, "The key is empty.")
    .max(4096)
    .regex(/^[\x21-\x7e]*$/, "A key has no spaces, line breaks or accented characters. Copy it again."),
  scope: z.enum(["me", "team"]),
  baseUrl: textInput.trim().max(2000).optional(),
  name: textInput.trim().min(1).max(100).optional(),
  models: z.array(textInput.trim().min(1).max(200)).min(1).max(100).optional(),
});

export const keysRouter = router({
  upsert: keys.input(upsertInput).mutation(({ ctx, input }) => ctx.services.keys.upsert(ctx.caller, input)),

  list: keys.query(({ ctx }) => ({ items: ctx.services.keys.list(ctx.caller), nextCursor: null })),

  remove: keys.input(keyId).mutation(({ ctx, input }) => {
    ctx.services.keys.remove(ctx.caller, input.id);
    return { id: input.id };
  }),

  /**
   * Asks the provider whether the stored key is good: `{ok: true, models}`, or `{ok: false, reason, message, detail}`.
   * For the key's owner, and for admins the team's. A mutation, as it calls somebody. Throws `not_found` and `throttled`.
   */
  test: keys.input(keyId).mutation(({ ctx, input }) => ctx.services.keyTests.test(ctx.caller, input.id)),

  /**
   * Makes a new master key and wraps all stored secrets with it: `{rotated, unreadable, keyId}`. Whoever keeps a copy of
   * the master key's file needs a new one. Throws `master_key`.
   */
  rotateMaster: keysFrom("owner").mutation(({ ctx }) => {
    ctx.log.info({ userId: ctx.caller.userId }, "change of the master key asked for");
    return ctx.services.masterKey.rotate();
  }),
});

/** A token may touch keys only if whoever made it said so: one without scopes, made for sessions, may not. */
function requireNamedScope(caller: Caller): void {
  if (caller.via.kind === "token" && caller.via.scopes === null) {
    throw new AppError(
      "FORBIDDEN",
      "not_allowed",
      'This token may not touch keys. Create one with the scope "keys", or sign in with a browser.',
    );
  }
}
