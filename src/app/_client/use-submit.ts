import { useState, type FormEvent } from "react";
import { sentenceOf } from "./sentence-of";

/**
 * A form's submission: one at a time, with a sentence when it fails.
 * @param opts.staysBusy after a success too, as the page goes on to another one
 */
export function useSubmit(
  action: (read: (name: string) => string) => Promise<void>,
  { staysBusy }: { staysBusy: boolean },
) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(form: FormData) {
    setBusy(true);
    setError(null);
    try {
      await action((name) => text(form.get(name)));
      if (!staysBusy) setBusy(false);
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
