"use client";

import { Brand } from "./_ui/brand";
import { Button } from "./_ui/button";
import { Snippet } from "./_ui/snippet";

export default function PageError({
  error,
  reset,
}: {
  error: Error & { digest?: string };
  reset: () => void;
}) {
  return (
    <main className="mx-auto flex w-full max-w-[440px] flex-col gap-4 px-5 pt-[9vh] pb-12">
      <div className="mb-4">
        <Brand />
      </div>
      <h1 className="text-lg font-semibold">This page failed</h1>
      <p className="text-muted">
        {error.digest === undefined
          ? "Something went wrong in this browser. Trying again may help."
          : "Something went wrong on the server. Trying again may help; its log has the reason under this digest:"}
      </p>
      {error.digest !== undefined && <Snippet text={error.digest} what="digest" />}
      <div className="flex gap-2">
        <Button onClick={reset}>Try again</Button>
        <Button kind="plain" onClick={() => window.location.assign("/")}>
          Back to the sessions
        </Button>
      </div>
    </main>
  );
}
