"use client";

import { useRouter } from "next/navigation";
import { api } from "../../../_client/api";
import { Field } from "../../../_ui/field";
import { Form } from "../../../_ui/form";
import { toast } from "../../../_ui/toast";
import { useShell } from "../../_shell/shell-context";
import { Section } from "../section";

export function NameSection() {
  const { me } = useShell();
  const router = useRouter();
  return (
    <Section title="You" lead={`${me.email} · ${me.role}`}>
      <div className="max-w-[360px]">
        <Form
          label="Save name"
          busyLabel="Saving…"
          then="stay"
          buttons="start"
          action={async (read) => {
            await api.account.update.mutate({ name: read("name") });
            router.refresh();
            toast("Your name is saved.");
          }}
        >
          <Field
            name="name"
            label="Name"
            hint="As others see it in shared sessions."
            defaultValue={me.name}
            autoComplete="name"
            maxLength={100}
            required
          />
        </Form>
      </div>
    </Section>
  );
}
