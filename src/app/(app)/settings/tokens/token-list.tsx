"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { TokenInfo } from "../../../../server/auth/tokens";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { Button } from "../../../_ui/button";
import { ConfirmDialog } from "../../../_ui/confirm-dialog";
import { EmptyState } from "../../../_ui/empty-state";
import { Notice } from "../../../_ui/notice";
import { Spinner } from "../../../_ui/spinner";
import { withoutReordering } from "../../../_ui/shown-text";
import { Time } from "../../../_ui/time";
import { scopeLabel } from "./scopes";

export const TOKENS_KEY = ["account", "tokens"];

export function TokenList() {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<TokenInfo | null>(null);
  const { data, error } = useQuery({
    queryKey: TOKENS_KEY,
    queryFn: () => api.account.tokens.list.query({ limit: 100 }),
  });
  if (error !== null) return <Notice>{sentenceOf(error)}</Notice>;
  if (data === undefined) return <Spinner label="Loading…" />;
  if (data.items.length === 0) {
    return (
      <EmptyState title="No tokens yet">
        Make one for a script or a CI job; you get a command to copy that works with it at once.
      </EmptyState>
    );
  }
  return (
    <>
      <ul className="divide-y divide-line">
        {data.items.map((token) => (
          <li key={token.id}>
            <TokenRow token={token} onRevoke={() => setAsked(token)} />
          </li>
        ))}
      </ul>
      <ConfirmDialog
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        title={`Revoke “${asked?.name ?? ""}”?`}
        goes={["Every script that uses this token is refused from now on."]}
        label="Revoke token"
        busyLabel="Revoking…"
        onConfirm={async () => {
          if (asked !== null) await api.account.tokens.revoke.mutate({ id: asked.id });
          await queries.invalidateQueries({ queryKey: TOKENS_KEY });
        }}
      />
    </>
  );
}

function TokenRow({ token, onRevoke }: { token: TokenInfo; onRevoke: () => void }) {
  const name = withoutReordering(token.name);
  return (
    <div className="flex min-h-14 items-center gap-3 py-2">
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium" title={name}>
          <bdi>{name}</bdi>
        </p>
        <p className="text-small text-muted">
          {token.scopes === null ? "All that tokens may" : token.scopes.map(scopeLabel).join(", ")}
        </p>
        <p className="text-small text-muted">
          {token.lastUsedAt === null ? (
            "never used"
          ) : (
            <>
              used <Time at={token.lastUsedAt} ago />
            </>
          )}
          {token.expiresAt !== null && (
            <>
              {" · expires "}
              <Time at={token.expiresAt} />
            </>
          )}
        </p>
      </div>
      <Button kind="ghost" onClick={onRevoke} aria-label={`Revoke ${name}`}>
        Revoke
      </Button>
    </div>
  );
}
