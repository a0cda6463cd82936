import { MirrorError, type MirrorBatch, type MirrorTarget } from "./mirror-target";

/** Events of which it lets go in one call. */
const LET_GO = 100;

/** For tests: a mirror that holds to the rules of convex/mirror.ts, and keeps what it is sent. */
export function fakeMirror() {
  const rows = new Map<string, MirrorBatch["events"]>();
  const state = {
    batches: [] as MirrorBatch[],
    inFlight: 0,
    mostInFlight: 0,
    /** Answers of the next pushes; a function may look at the batch. */
    answers: [] as ((batch: MirrorBatch) => Error | null)[],
    letGoCalls: 0,
    /** Called by each; what it answers, all but a refusal after its work is done. */
    onLetGo: (_sessionId: string): MirrorError | null => null,
    always: null as ((batch: MirrorBatch) => Error | null) | null,
  };
  const target: MirrorTarget = {
    async push(batch) {
      state.mostInFlight = Math.max(state.mostInFlight, (state.inFlight += 1));
      await new Promise((resolve) => setImmediate(resolve));
      state.inFlight -= 1;
      const error = state.answers.shift()?.(batch) ?? state.always?.(batch) ?? null;
      if (error) throw error;
      for (const id of batch.removed) rows.delete(id);
      for (const event of batch.events) {
        const known = rows.get(event.sessionId) ?? [];
        const lastSeq = known.at(-1)?.seq ?? 0;
        if (event.seq <= lastSeq) continue;
        if (lastSeq > 0 && event.seq > lastSeq + 1)
          throw new MirrorError("gap", "gap", { gap: { sessionId: event.sessionId, lastSeq } });
        rows.set(event.sessionId, [...known, event]);
      }
      state.batches.push(batch);
    },
    async letGo(sessionId, upToSeq) {
      state.letGoCalls += 1;
      const error = state.onLetGo(sessionId);
      if (error?.code === "refused") throw error;
      const known = rows.get(sessionId) ?? [];
      const left = known.slice(Math.min(known.filter(({ seq }) => seq <= upToSeq).length, LET_GO));
      if (left.length > 0) rows.set(sessionId, left);
      else rows.delete(sessionId);
      if (error) throw error;
      return !left.some(({ seq }) => seq <= upToSeq);
    },
    position: async (sessionId) => rows.get(sessionId)?.at(-1)?.seq ?? 0,
    eventsAfter: async (sessionId, afterSeq) =>
      (rows.get(sessionId) ?? []).filter(({ seq }) => seq > afterSeq).slice(0, 50),
    sessionIdsAfter: async (after) => [...rows.keys()].sort().filter((id) => id > after),
  };
  return { target, rows, state, seqs: (id: string) => (rows.get(id) ?? []).map(({ seq }) => seq) };
}
