"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useState } from "react";
import type { ModelRef, PermissionMode } from "../../../../sidecar/src/contract";
import { api } from "../../_client/api";
import { sentenceOf } from "../../_client/sentence-of";
import { presetModel } from "../../_session/model-choice";
import { useCatalog } from "../../_session/model-catalog";
import { KeyHint, ModelPicker } from "../../_session/model-picker";
import { AGENTS, PERMISSION_MODES } from "../../_session/permission-modes";
import { Button } from "../../_ui/button";
import { Dialog } from "../../_ui/dialog";
import { Field } from "../../_ui/field";
import { Form } from "../../_ui/form";
import { Notice } from "../../_ui/notice";
import { Select } from "../../_ui/select";
import { TextArea } from "../../_ui/text-area";
import { readLastModel, rememberModel } from "./last-model";

/** Asks what is to be done and with what, makes the session and goes there. */
export function NewSessionDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="wide"
      title="New session"
      description="An agent, in a container of its own."
    >
      <NewSessionForm onClose={onClose} />
    </Dialog>
  );
}

function NewSessionForm({ onClose }: { onClose: () => void }) {
  const [model, setModel] = useState<ModelRef | null>(null);
  const [permissionMode, setPermissionMode] = useState<PermissionMode>("ask");
  const [agent, setAgent] = useState<"build" | "plan">("build");
  const create = useCreate(onClose);
  return (
    <Form
      label="Start session"
      busyLabel="Starting…"
      onCancel={onClose}
      action={(read) =>
        create({
          prompt: read("prompt").trim() === "" ? undefined : read("prompt"),
          title: read("title").trim() === "" ? undefined : read("title"),
          model,
          permissionMode,
          agent,
        })
      }
    >
      <TextArea
        name="prompt"
        label="What should it do?"
        placeholder="Say it now, or later in the session."
        maxLength={1024 * 1024}
        autoFocus
      />
      <ModelField value={model} onChange={setModel} />
      <div className="grid gap-4 sm:grid-cols-2">
        <Select
          label="Permissions"
          value={permissionMode}
          options={PERMISSION_MODES}
          onChange={setPermissionMode}
        />
        <Select label="Agent" value={agent} options={AGENTS} onChange={setAgent} />
      </div>
      <Field name="title" label="Title" placeholder="Optional" maxLength={200} autoComplete="off" />
    </Form>
  );
}

/** What is chosen before anybody chooses is known with the catalogue. @param value null: nobody chose */
function ModelField({ value, onChange }: { value: ModelRef | null; onChange: (model: ModelRef) => void }) {
  const { data: catalog, error, refetch } = useCatalog();
  if (error !== null) {
    return (
      <Notice
        action={
          <Button kind="plain" onClick={() => void refetch()}>
            Try again
          </Button>
        }
      >
        {sentenceOf(error)}
      </Notice>
    );
  }
  return (
    <div className="flex flex-col gap-1">
      {catalog === undefined ? (
        <div aria-hidden className="h-[65px] rounded-md bg-raised" />
      ) : (
        <>
          <ModelPicker
            catalog={catalog}
            value={value ?? presetModel(catalog, readLastModel())}
            onChange={onChange}
          />
          <KeyHint catalog={catalog} />
        </>
      )}
    </div>
  );
}

interface Wanted {
  prompt: string | undefined;
  title: string | undefined;
  model: ModelRef | null;
  permissionMode: PermissionMode;
  agent: "build" | "plan";
}

function useCreate(onClose: () => void) {
  const router = useRouter();
  const queries = useQueryClient();
  const { data: catalog } = useCatalog();
  return async ({ model, ...rest }: Wanted): Promise<void> => {
    const chosen = model ?? (catalog && presetModel(catalog, readLastModel()));
    const { id } = await api.sessions.create.mutate({ ...rest, model: chosen });
    if (model !== null) rememberModel(model);
    void queries.invalidateQueries({ queryKey: ["sessions"] });
    router.push(`/sessions/${id}`);
    onClose();
  };
}
