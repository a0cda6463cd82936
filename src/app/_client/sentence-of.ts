/** What to show of a failure. Browsers' own network failures are no sentences for people. */
export function sentenceOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : "";
  const isNetwork =
    cause instanceof TypeError || (cause instanceof Error && cause.cause instanceof TypeError);
  return isNetwork || message === ""
    ? "The server does not answer. Check that it runs, then try again."
    : message;
}
