"use client";

import { useQueryClient } from "@tanstack/react-query";
import { ChevronsUpDown } from "lucide-react";
import type { ModelRef } from "../../../../../../sidecar/src/contract";
import { CATALOG } from "../../../../_session/model-catalog";
import { Spinner } from "../../../../_ui/spinner";
import { usePopup } from "../../../../_ui/use-popup";

interface ModelButtonProps {
  value: ModelRef;
  onChange: (model: ModelRef) => void;
}

/** The model that answers next, and the way to another. */
export function ModelButton({ value, onChange }: ModelButtonProps) {
  const queries = useQueryClient();
  const { Popup, isOpening, state, trigger } = usePopup("dialog", async () => {
    const [{ ModelPopup }] = await Promise.all([
      import("../../../../_session/model-picker"),
      queries.ensureQueryData(CATALOG),
    ]);
    return ModelPopup;
  });
  return (
    <>
      <button
        type="button"
        {...trigger}
        className="inline-flex min-h-8 max-w-[220px] min-w-0 cursor-pointer items-center gap-2 rounded-md px-2 text-small text-muted hover:bg-hover hover:text-fg data-popup-open:bg-hover sm:max-w-[360px] pointer-coarse:min-h-10"
      >
        <span className="sr-only">Model</span>
        <span className="min-w-0 truncate">{value.modelId}</span>
        {isOpening ? (
          <Spinner label="Loading the models" hideLabel />
        ) : (
          <ChevronsUpDown size={14} aria-hidden />
        )}
      </button>
      {Popup !== null && <Popup state={state} value={value} onChange={onChange} />}
    </>
  );
}
