"use client";

import { useState } from "react";
import { signOut } from "../_client/sign-in";
import { sentenceOf } from "../_client/use-submit";
import { Button } from "../_ui/button";

export function SignOutButton() {
  const [label, setLabel] = useState("Sign out");
  const [busy, setBusy] = useState(false);

  async function leave() {
    setBusy(true);
    try {
      await signOut();
      window.location.assign("/sign-in");
    } catch (cause) {
      setLabel(sentenceOf(cause));
      setBusy(false);
    }
  }

  return (
    <Button quiet busy={busy} busyLabel="Signing out…" onClick={() => !busy && void leave()}>
      <span className="whitespace-nowrap">{label}</span>
    </Button>
  );
}
