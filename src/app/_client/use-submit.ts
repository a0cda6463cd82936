import { useState, type FormEvent } from "react";

/**
 * A form's submission: one at a time, with a sentence when it fails. It stays busy after a success, as the page goes on
 * to another one.
 */
export function useSubmit(action: (read: (name: string) => string) => Promise<void>) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(form: FormData) {
    setBusy(true);
    setError(null);
    try {
      await action((name) => text(form.get(name)));
    } catch (cause) {
      setError(sentenceOf(cause));
      setBusy(false);
    }
  }

  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!busy) void submit(new FormData(event.currentTarget));
  };
  return { error, busy, onSubmit };
}

function text(value: FormDataEntryValue | null): string {
  return typeof value === "string" ? value : "";
}

/** Browsers' own network failures are no sentences for people. */
export function sentenceOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : "";
  const isNetwork =
    cause instanceof TypeError || (cause instanceof Error && cause.cause instanceof TypeError);
  return isNetwork || message === ""
    ? "The server does not answer. Check that it runs, then try again."
    : message;
}
