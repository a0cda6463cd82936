import { z } from "zod";
import { MAX_TOKEN_DAYS } from "../../auth/tokens";
import { procedure, router } from "../builders";
import { SCOPES } from "../policy";
import { newPassword, personName } from "./account-input";
import { pageInput } from "./page-input";
import { textInput } from "./text-input";

const account = { kind: "person", scope: "account" } as const;
/** A leaked token must not make others, end others, or take the account over. */
const browserOnly = { ...account, tokens: "refused" } as const;

const tokensRouter = router({
  create: procedure(browserOnly)
    .input(
      z.object({
        name: textInput.trim().min(1, "a name is needed").max(100, "at most 100 characters"),
        scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).optional(),
        days: z.number().int().min(1).max(MAX_TOKEN_DAYS).optional(),
      }),
    )
    .mutation(({ ctx, input }) => ctx.services.tokens.create({ ...input, userId: ctx.caller.userId })),

  list: procedure(account)
    .input(pageInput.prefault({}))
    .query(({ ctx, input }) => ctx.services.tokens.list({ userId: ctx.caller.userId, ...input })),

  revoke: procedure(browserOnly)
    .input(z.object({ id: z.string().min(1).max(100) }))
    .mutation(({ ctx, input }) => {
      ctx.services.tokens.revoke({ userId: ctx.caller.userId, tokenId: input.id });
      return {};
    }),
});

const devicesRouter = router({
  /** `current`: the browser that asks. */
  list: procedure(account).query(({ ctx: { caller, services } }) => {
    const { via } = caller;
    const current = via.kind === "browser" ? via.loginSessionId : null;
    const devices = services.logins.devicesOf(caller.userId);
    return {
      items: devices.map((device) => ({ ...device, current: device.id === current })),
      nextCursor: null,
    };
  }),

  revoke: procedure(browserOnly)
    .input(z.object({ id: z.string().min(1).max(100) }))
    .mutation(({ ctx, input }) => {
      ctx.services.logins.revokeDevice({ userId: ctx.caller.userId, id: input.id });
      return { id: input.id };
    }),
});

export const accountRouter = router({
  me: procedure(account).query(({ ctx }) => {
    const { userId, name, email, role } = ctx.caller;
    return { id: userId, name, email, role };
  }),

  tokens: tokensRouter,
  devices: devicesRouter,

  update: procedure(browserOnly)
    .input(z.object({ name: personName }))
    .mutation(({ ctx, input }) => {
      ctx.services.people.rename({ userId: ctx.caller.userId, name: input.name });
      const { userId, email, role } = ctx.caller;
      return { id: userId, name: input.name, email, role };
    }),

  changePassword: procedure(browserOnly)
    .input(z.object({ current: z.string().min(1).max(1024), next: newPassword }))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.people.changePassword({ userId: ctx.caller.userId, ...input });
      const { via } = ctx.caller;
      // Whoever knew the old password is out; the browser that changed it stays.
      const signedOut = ctx.services.logins.revokeAllOf(ctx.caller.userId, {
        except: via.kind === "browser" ? via.loginSessionId : undefined,
      });
      return { signedOut };
    }),

  signOutEverywhere: procedure(browserOnly).mutation(({ ctx }) => ({
    signedOut: ctx.services.logins.revokeAllOf(ctx.caller.userId),
  })),
});
