/** What the demo model can do, one step after the other. */
export type Step =
  | { readonly kind: "say"; readonly text: string }
  | { readonly kind: "think"; readonly text: string }
  | { readonly kind: "tool"; readonly name: string; readonly input: Readonly<Record<string, unknown>> }
  /** Between deltas, from here on. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Once. */
  | { readonly kind: "sleep"; readonly ms: number }
  | { readonly kind: "flood"; readonly count: number }
  /** An HTTP status, or a stream that breaks off. */
  | { readonly kind: "fail"; readonly with: number | "cut" }
  | { readonly kind: "hang" };

/**
 * The steps of one response. A response ends with a tool call; the next one, which has the tool's result, goes on after
 * it. Delays hold on from one response to the next.
 * @param toolsDone results of tools since the person's last words
 */
export function stepsOfResponse(steps: readonly Step[], toolsDone: number): Step[] {
  let done = 0;
  let start = 0;
  while (done < toolsDone && start < steps.length) {
    if (steps[start]?.kind === "tool") done += 1;
    start += 1;
  }
  const delay = steps.slice(0, start).findLast((step) => step.kind === "delay");
  const rest = steps.slice(start);
  const toolAt = rest.findIndex((step) => step.kind === "tool");
  return [...(delay === undefined ? [] : [delay]), ...(toolAt === -1 ? rest : rest.slice(0, toolAt + 1))];
}
