"use client";

import { Button } from "./_ui/button";

export default function PageError({
  error,
  reset,
}: {
  error: Error & { digest?: string };
  reset: () => void;
}) {
  return (
    <main className="mx-auto w-full max-w-[360px] px-5 pt-[14vh]">
      <h1 className="mb-2 text-lg font-semibold">This page failed</h1>
      <p className="mb-6 text-muted">
        The server&apos;s log has it{error.digest === undefined ? "" : ` under digest ${error.digest}`}.
        Trying again may help.
      </p>
      <Button onClick={reset}>Try again</Button>
    </main>
  );
}
