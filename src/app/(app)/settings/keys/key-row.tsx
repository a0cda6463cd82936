"use client";

import { useState } from "react";
import { mayRun } from "../../../../roles";
import type { ListedKey } from "../../../../server/keys/provider-keys";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { Badge } from "../../../_ui/badge";
import { Button } from "../../../_ui/button";
import { Notice } from "../../../_ui/notice";
import { withoutReordering } from "../../../_ui/shown-text";
import { Time } from "../../../_ui/time";
import { useShell } from "../../_shell/shell-context";

interface KeyRowProps {
  listed: ListedKey;
  onRemove: () => void;
}

export function KeyRow({ listed, onRemove }: KeyRowProps) {
  const { me } = useShell();
  const manages = listed.scope === "me" || mayRun(me);
  const name = withoutReordering(listed.name);
  const models = listed.models && withoutReordering(listed.models.join(", "));
  const { busy, verdict, test } = useKeyTest(listed.id);
  return (
    <div className="py-2">
      <div className="flex min-h-12 flex-wrap items-center gap-x-3 gap-y-1">
        <div className="min-w-0 flex-1 basis-56">
          <p className="flex items-center gap-2">
            <bdi className="min-w-0 truncate font-medium" title={name}>
              {name}
            </bdi>
            {listed.scope === "team" && <Badge>team</Badge>}
          </p>
          <p className="truncate text-small text-muted" title={listed.baseUrl ?? undefined}>
            {listed.baseUrl ?? listed.providerId} · key <span className="font-mono">{listed.hint}</span> ·
            stored <Time at={listed.updatedAt} ago />
          </p>
          {models !== null && (
            <p className="truncate text-small text-muted" title={models}>
              {models}
            </p>
          )}
        </div>
        {manages && (
          <div className="flex gap-1">
            <Button
              kind="plain"
              busy={busy}
              busyLabel="Testing…"
              onClick={() => void test()}
              aria-label={busy ? undefined : `Test ${name}`}
            >
              Test
            </Button>
            <Button kind="ghost" onClick={onRemove} aria-label={`Remove ${name}`}>
              Remove
            </Button>
          </div>
        )}
      </div>
      {verdict !== null && <Verdict {...verdict} />}
    </div>
  );
}

interface VerdictProps {
  isGood: boolean;
  message: string;
  detail: string | null;
}

function Verdict({ isGood, message, detail }: VerdictProps) {
  return (
    <Notice tone={isGood ? "good" : "danger"} className="mt-1 mb-1">
      {message}
      {detail !== null && (
        <details className="mt-1 text-small text-muted">
          <summary className="cursor-pointer">Detail</summary>
          <pre className="mt-1 font-mono break-all whitespace-pre-wrap">{detail}</pre>
        </details>
      )}
    </Notice>
  );
}

function useKeyTest(id: string) {
  const [busy, setBusy] = useState(false);
  const [verdict, setVerdict] = useState<VerdictProps | null>(null);
  async function test() {
    setBusy(true);
    setVerdict(null);
    const startedMs = performance.now();
    try {
      const result = await api.keys.test.mutate({ id });
      const took = `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
      setVerdict(
        result.ok
          ? { isGood: true, message: `It works${listing(result.models)}; answered in ${took}.`, detail: null }
          : { isGood: false, message: `${result.message} (${took})`, detail: result.detail },
      );
    } catch (cause) {
      setVerdict({ isGood: false, message: sentenceOf(cause), detail: null });
    } finally {
      setBusy(false);
    }
  }
  return { busy, verdict, test };
}

function listing(models: number | null): string {
  if (models === null) return "";
  return models === 1 ? " and lists one model" : ` and lists ${models} models`;
}
