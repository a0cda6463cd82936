"use client";

import { useState } from "react";
import { api } from "../../../_client/api";
import { Field } from "../../../_ui/field";
import { Form } from "../../../_ui/form";
import { toast } from "../../../_ui/toast";
import { Section } from "../section";

export function PasswordSection() {
  // A new key empties the fields.
  const [changes, setChanges] = useState(0);
  return (
    <Section title="Password" lead="A new one signs you out in all other browsers.">
      <div className="max-w-[360px]">
        <Form
          key={changes}
          label="Change password"
          busyLabel="Changing…"
          then="stay"
          buttons="start"
          action={async (read) => {
            const { signedOut } = await api.account.changePassword.mutate({
              current: read("current"),
              next: read("next"),
            });
            setChanges((count) => count + 1);
            toast(
              signedOut === 0 ? "Password changed." : `Password changed; ${browsers(signedOut)} signed out.`,
            );
          }}
        >
          <Field
            name="current"
            label="Current password"
            type="password"
            autoComplete="current-password"
            maxLength={256}
            required
          />
          <Field
            name="next"
            label="New password"
            hint="At least 10 characters."
            type="password"
            autoComplete="new-password"
            minLength={10}
            maxLength={256}
            required
          />
        </Form>
      </div>
    </Section>
  );
}

function browsers(count: number): string {
  return count === 1 ? "another browser was" : `${count} other browsers were`;
}
