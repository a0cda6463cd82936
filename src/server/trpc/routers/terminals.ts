import { z } from "zod";
import { terminalSize } from "../../../../sidecar/src/protocol";
import { procedure, router } from "../builders";
import { idInput } from "./page-input";

const write = procedure({ kind: "person", scope: "sessions:write" });
const byTerminal = z.object({ terminalId: idInput });
const DEFAULT_SIZE = { cols: 80, rows: 24 };

export const terminalsRouter = router({
  create: write
    .input(
      z.object({
        sessionId: idInput,
        cols: terminalSize.shape.cols.default(DEFAULT_SIZE.cols),
        rows: terminalSize.shape.rows.default(DEFAULT_SIZE.rows),
      }),
    )
    .mutation(({ ctx, input }) => ctx.services.terminals.create(ctx.caller, input)),
  list: write.input(z.object({ sessionId: idInput })).query(async ({ ctx, input }) => ({
    items: await ctx.services.terminals.list(ctx.caller, input.sessionId),
    nextCursor: null,
  })),
  /** For the handshake of the socket.io namespace `/terminal`: one use, 30 s. */
  ticket: write
    .input(byTerminal)
    .mutation(({ ctx, input }) => ctx.services.terminals.ticket(ctx.caller, input.terminalId)),
  close: write.input(byTerminal).mutation(async ({ ctx, input }) => {
    await ctx.services.terminals.close(ctx.caller, input.terminalId);
    return { terminalId: input.terminalId };
  }),
});
