/** What to show of a failure. Browsers' own network failures are no sentences for people. */
export function sentenceOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : "";
  const isNetwork = isUnanswered(cause) || (cause instanceof Error && isUnanswered(cause.cause));
  return isNetwork || message === ""
    ? "The server does not answer. Check that it runs, then try again."
    : message;
}

/** By the browser's word: no connection, or no answer in time. */
function isUnanswered(cause: unknown): boolean {
  return cause instanceof TypeError || (cause instanceof DOMException && cause.name === "TimeoutError");
}
