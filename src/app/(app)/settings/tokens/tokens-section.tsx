"use client";

import { useQueryClient } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "../../../_ui/button";
import { Section } from "../section";
import { NewTokenDialog } from "./new-token-dialog";
import { NewToken } from "./new-token";
import { TOKENS_KEY, TokenList } from "./token-list";

/** Keys with which scripts act for the person. @param origin where scripts reach this server */
export function TokensSection({ origin }: { origin: string }) {
  const queries = useQueryClient();
  const [asks, setAsks] = useState(false);
  const [token, setToken] = useState<string | null>(null);
  return (
    <Section
      title="Tokens"
      lead="Let scripts and CI jobs work in your name: start sessions, follow them, answer what they ask."
      action={
        <Button onClick={() => setAsks(true)}>
          <Plus size={16} aria-hidden />
          New token
        </Button>
      }
    >
      {token !== null && <NewToken origin={origin} token={token} />}
      <TokenList />
      <NewTokenDialog
        open={asks}
        onClose={() => setAsks(false)}
        onCreated={(created) => {
          setToken(created);
          setAsks(false);
          void queries.invalidateQueries({ queryKey: TOKENS_KEY });
        }}
      />
    </Section>
  );
}
