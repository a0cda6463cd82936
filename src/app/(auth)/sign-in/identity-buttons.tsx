"use client";

import { useState } from "react";
import { sentenceOf } from "../../_client/sentence-of";
import { signInElsewhere } from "../../_client/sign-in";
import { Button } from "../../_ui/button";
import { Notice } from "../../_ui/notice";

interface IdentityButtonsProps {
  providers: readonly { id: string; name: string }[];
  /** The path where one goes on. */
  to: string;
}

/** Sign-in by an account elsewhere. */
export function IdentityButtons({ providers, to }: IdentityButtonsProps) {
  const [leaving, setLeaving] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const leave = async (id: string) => {
    setLeaving(id);
    setError(null);
    try {
      await signInElsewhere(id, to);
    } catch (cause) {
      setError(sentenceOf(cause));
      setLeaving(null);
    }
  };
  return (
    <div className="mb-6 flex flex-col gap-2">
      {error !== null && <Notice>{error}</Notice>}
      {providers.map(({ id, name }) => (
        <Button
          key={id}
          kind="plain"
          className="min-h-10"
          busy={leaving !== null}
          busyLabel={leaving === id ? `To ${name}…` : undefined}
          onClick={() => void leave(id)}
        >
          Continue with {name}
        </Button>
      ))}
      <p className="mt-4 flex items-center gap-3 text-small text-muted">
        <span aria-hidden className="h-px flex-1 bg-line" />
        or by password
        <span aria-hidden className="h-px flex-1 bg-line" />
      </p>
    </div>
  );
}
