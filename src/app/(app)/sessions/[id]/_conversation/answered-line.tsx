"use client";

import { ShieldCheck, ShieldX } from "lucide-react";
import type { RequestView } from "../../../../../timeline/view";
import { nameOf, useConversation } from "./conversation-context";
import { shown } from "../../../../_ui/shown-text";

/** What became of a request, in words. `name` is whoever answered. */
export function answerText(request: RequestView, name: string): string {
  switch (request.outcome) {
    case "once":
      return `${name} allowed once`;
    case "always":
      return `${name} always allows ${(request.always ?? []).map(shown).join(", ") || "this"}`;
    case "reject":
      return request.message ? `${name} rejected: ${shown(request.message)}` : `${name} rejected`;
    case "answered":
      return `${name} answered`;
    case "expired":
      return "nobody answered in time, so it was rejected";
    case "withdrawn":
    case null:
      return "the agent no longer waits for an answer";
  }
}

export function AnsweredLine({ request }: { request: RequestView }) {
  const { names } = useConversation();
  const no = request.outcome === "reject" || request.outcome === "expired";
  const Icon = no ? ShieldX : ShieldCheck;
  return (
    <p className="ml-[22px] flex items-start gap-2 py-0.5 text-[12px] text-muted">
      <Icon size={13} aria-hidden className="mt-[3px] shrink-0" />
      <bdi className="min-w-0 [overflow-wrap:anywhere]">{answerText(request, nameOf(names, request.by))}</bdi>
    </p>
  );
}
