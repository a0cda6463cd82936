"use client";

import type { TokenUsage } from "../../../../../../sidecar/src/contract";
import { Button } from "../../../../_ui/button";
import { CopyButton } from "../../../../_ui/copy-button";
import { Notice } from "../../../../_ui/notice";
import { allTokens, between, duration, money, tokenCount } from "./figures";
import { Fold } from "./fold";
import { shown } from "../../../../_ui/shown-text";
import { textOf } from "./person-message";
import type { Turn } from "./turns";

/** How a turn ended and what it took, in one quiet line. */
export function TurnFooter({ turn, onContinue }: { turn: Turn; onContinue?: (() => void) | undefined }) {
  const outcome = turn.turn?.outcome ?? null;
  if (outcome === null) return null;
  return (
    <>
      {outcome === "interrupted" && <Interrupted onContinue={onContinue} />}
      {outcome === "error" && turn.failures.length === 0 && (
        <Notice className="my-3">The turn failed, and nothing says why. Send the prompt again.</Notice>
      )}
      <div className="mt-2 flex items-start justify-between gap-2">
        <Figures turn={turn} word={outcome === "aborted" ? "stopped" : null} />
        <CopyAnswer turn={turn} />
      </div>
    </>
  );
}

function Interrupted({ onContinue }: { onContinue?: (() => void) | undefined }) {
  return (
    <Notice
      tone="warn"
      className="my-3"
      action={
        onContinue && (
          <Button kind="plain" onClick={onContinue}>
            Continue
          </Button>
        )
      }
    >
      The turn was interrupted before its end. What it did so far is kept.
    </Notice>
  );
}

function Figures({ turn, word }: { turn: Turn; word: string | null }) {
  const spent = spentOn(turn);
  const took = between(turn.turn?.startedAt, turn.turn?.endedAt);
  const line = [
    word,
    took === null ? null : duration(took),
    spent.tokens === null ? null : `${tokenCount(allTokens(spent.tokens))} tokens`,
    spent.cost > 0 ? money(spent.cost) : null,
  ].filter((each) => each !== null);
  if (line.length === 0) return null;
  const text = <span className="text-[12px] tabular-nums">{line.join(" · ")}</span>;
  const { tokens } = spent;
  if (tokens === null)
    return <p className="ml-[22px] flex min-h-8 items-center text-muted pointer-coarse:min-h-10">{text}</p>;
  return (
    <Fold className="min-w-0 flex-1" line={text}>
      {() => (
        <dl className="ml-[22px] grid w-max grid-cols-[auto_auto] gap-x-4 text-[12px] text-muted tabular-nums">
          {spent.models.length > 0 && <Row name="model" value={spent.models.join(", ")} />}
          <Row name="read" value={tokens.input.toLocaleString()} />
          <Row name="from cache" value={tokens.cacheRead.toLocaleString()} />
          <Row name="into cache" value={tokens.cacheWrite.toLocaleString()} />
          <Row name="written" value={tokens.output.toLocaleString()} />
          <Row name="thought" value={tokens.reasoning.toLocaleString()} />
          <Row name="cost" value={money(spent.cost)} />
        </dl>
      )}
    </Fold>
  );
}

/** All that the agent said in the turn, as it wrote it: Markdown. */
function CopyAnswer({ turn }: { turn: Turn }) {
  const text = turn.agent
    .map(textOf)
    .filter((each) => each.trim() !== "")
    .join("\n\n");
  if (text === "") return null;
  return (
    <span className="ml-auto text-[12px]">
      <CopyButton text={text} what="the answer" />
    </span>
  );
}

function Row({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className="text-right text-fg">{value}</dd>
    </>
  );
}

interface Spent {
  /** null when nothing was counted. */
  tokens: TokenUsage | null;
  cost: number;
  models: string[];
}

/** Sums over the turn's messages and those of its sub-agents. */
export function spentOn(turn: Turn): Spent {
  const messages = [...turn.agent, ...turn.threads.flatMap((thread) => thread.messages)];
  const models = new Set(
    messages.flatMap((message) => (message.model ? [shown(message.model.modelId)] : [])),
  );
  let tokens: TokenUsage | null = null;
  let cost = 0;
  for (const message of messages) {
    cost += message.cost ?? 0;
    if (message.tokens !== undefined && allTokens(message.tokens) > 0) tokens = sum(tokens, message.tokens);
  }
  return { tokens, cost, models: [...models] };
}

function sum(a: TokenUsage | null, b: TokenUsage): TokenUsage {
  if (a === null) return b;
  return {
    input: a.input + b.input,
    output: a.output + b.output,
    reasoning: a.reasoning + b.reasoning,
    cacheRead: a.cacheRead + b.cacheRead,
    cacheWrite: a.cacheWrite + b.cacheWrite,
  };
}
