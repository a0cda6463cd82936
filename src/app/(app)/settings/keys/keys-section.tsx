"use client";

import { Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "../../../_ui/button";
import { Dialog } from "../../../_ui/dialog";
import { useShell } from "../../_shell/shell-context";
import { Section } from "../section";
import { EndpointForm } from "./endpoint-form";
import { KeyList } from "./key-list";
import { ProviderKeyForm } from "./provider-key-form";

/** What models are paid with. Stored encrypted; shown to nobody again. */
export function KeysSection() {
  const { me } = useShell();
  const [adds, setAdds] = useState<"key" | "endpoint" | null>(null);
  const close = () => setAdds(null);
  if (me.role === "viewer") {
    return (
      <Section title="Keys">
        <p className="text-muted">
          Viewers run no sessions and store no keys. Ask an admin for the role member.
        </p>
      </Section>
    );
  }
  return (
    <Section
      title="Keys"
      lead="What the models of a provider are paid with. Stored encrypted and never shown again; agents use a key without being able to read it."
      action={
        <div className="flex flex-wrap gap-2">
          <Button kind="plain" onClick={() => setAdds("endpoint")}>
            <Plus size={16} aria-hidden />
            Add endpoint
          </Button>
          <Button onClick={() => setAdds("key")}>
            <Plus size={16} aria-hidden />
            Add key
          </Button>
        </div>
      }
    >
      <KeyList />
      <Dialog open={adds === "key"} onOpenChange={close} title="Add a provider's key">
        <ProviderKeyForm onDone={close} />
      </Dialog>
      <Dialog
        open={adds === "endpoint"}
        onOpenChange={close}
        title="Add an endpoint"
        description="Any server with an OpenAI-compatible API, such as Ollama, vLLM or LiteLLM."
      >
        <EndpointForm onDone={close} />
      </Dialog>
    </Section>
  );
}
