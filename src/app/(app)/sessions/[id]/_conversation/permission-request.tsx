"use client";

import { TriangleAlert } from "lucide-react";
import { useState } from "react";
import type { RequestView, ToolView } from "../../../../../timeline/view";
import { Button } from "../../../../_ui/button";
import { Kbd } from "../../../../_ui/kbd";
import { Notice } from "../../../../_ui/notice";
import { DiffView } from "./diff-view";
import type { Respond } from "./request-answer";
import { StrictText } from "./strict-text";
import { input } from "./tool-summary";
import { parseDiff } from "./unified-diff";
import { useAnswer } from "./use-answer";
import { useRequestKeys } from "./use-request-keys";

interface PermissionRequestProps {
  request: RequestView;
  /** The tool that waits, when it is at hand. */
  tool: ToolView | null;
  /** The sub-agent that asks. */
  childTitle: string | null;
  readOnly: boolean;
  onRespond: Respond;
}

/** May the agent do this? Everything that it would do is in sight, and so is what "always" would allow. */
export function PermissionRequest({
  request,
  tool,
  childTitle,
  readOnly,
  onRespond,
}: PermissionRequestProps) {
  const answer = useAnswer(request.requestId, onRespond);
  const [rejecting, setRejecting] = useState(false);
  const mayAlways = (request.always ?? []).length > 0;
  const once = () => answer.send({ reply: "once" });
  const always = () => mayAlways && answer.send({ reply: "always" });
  const reject = () => setRejecting(true);
  useRequestKeys(request.requestId, !readOnly && answer.sent === null, { once, always, reject });
  const busy = answer.sent !== null;
  return (
    <section aria-label="Permission required" className="rounded-lg border border-field-line bg-bg p-4">
      <Question request={request} tool={tool} childTitle={childTitle} />
      {answer.error !== null && <Notice className="mt-3">{answer.error}</Notice>}
      {readOnly && (
        <p className="mt-3 text-small text-muted">Only those who steer this session can answer.</p>
      )}
      {!readOnly && rejecting && (
        <Reject
          busy={busy}
          onCancel={() => setRejecting(false)}
          onSend={(message) => answer.send({ reply: "reject", ...(message === "" ? {} : { message }) })}
        />
      )}
      {!readOnly && !rejecting && (
        <div className="mt-3 flex flex-wrap items-center justify-end gap-2">
          <Button kind="ghost" busy={busy} onClick={reject} aria-keyshortcuts="N R">
            Reject… <Key name="R" />
          </Button>
          {mayAlways && (
            <Button
              kind="plain"
              busy={busy}
              busyLabel={sentLabel(answer.sent, "always")}
              onClick={always}
              aria-keyshortcuts="A"
            >
              Allow always <Key name="A" />
            </Button>
          )}
          <Button busy={busy} busyLabel={sentLabel(answer.sent, "once")} onClick={once} aria-keyshortcuts="Y">
            Allow once <Key name="Y" inverse />
          </Button>
        </div>
      )}
      {!readOnly && !rejecting && mayAlways && <AlwaysLine patterns={request.always ?? []} />}
    </section>
  );
}

/** No key to be seen where there is no keyboard. */
function Key({ name, inverse = false }: { name: string; inverse?: boolean }) {
  return (
    <span aria-hidden className="pointer-coarse:hidden">
      <Kbd inverse={inverse}>{name}</Kbd>
    </span>
  );
}

function sentLabel(sent: unknown, reply: "once" | "always"): string | undefined {
  const mine = typeof sent === "object" && sent !== null && "reply" in sent && sent.reply === reply;
  return mine ? "Allowing…" : undefined;
}

function Question({
  request,
  tool,
  childTitle,
}: Pick<PermissionRequestProps, "request" | "tool" | "childTitle">) {
  const why = tool === null ? "" : input(tool, "description");
  const isCommand = /^Run `/.test(request.title);
  return (
    <div className="flex items-start gap-3">
      <TriangleAlert size={18} aria-hidden className="mt-0.5 shrink-0 text-warn" />
      <div className="min-w-0 flex-1">
        <h2 className="font-medium [overflow-wrap:anywhere]">
          {isCommand ? "Run this command?" : <StrictText text={request.title} />}
        </h2>
        {(why !== "" || childTitle !== null) && (
          <p className="text-small [overflow-wrap:anywhere] text-muted">
            {childTitle !== null && (
              <>
                asked by <StrictText text={childTitle} />
                {why !== "" && " · "}
              </>
            )}
            {why !== "" && (
              <>
                the agent says: <StrictText text={why} />
              </>
            )}
          </p>
        )}
        <WhatExactly request={request} />
      </div>
    </div>
  );
}

/** The whole of it: it wraps, scrolls when it is long, and says how long it is. */
function WhatExactly({ request }: { request: RequestView }) {
  const { detail, patterns = [] } = request;
  const diffs = parseDiff(detail);
  const lines = detail.split("\n").length;
  if (diffs.length > 0) {
    return (
      <div className="mt-2 overflow-hidden rounded-md border border-line bg-raised">
        <DiffView diffs={diffs} strict />
      </div>
    );
  }
  const text = detail === "" || detail === "{}" ? patterns.join("\n") : detail;
  if (text === "") return null;
  return (
    <>
      <pre
        tabIndex={0}
        className="mt-2 max-h-[30dvh] overflow-auto rounded-md border border-line bg-raised px-3 py-2 font-mono text-small [overflow-wrap:anywhere] whitespace-pre-wrap"
      >
        <StrictText text={text} />
      </pre>
      {(lines > 12 || detail.length > 1200) && (
        <p className="mt-1 text-[12px] text-muted">
          {lines.toLocaleString()} {lines === 1 ? "line" : "lines"}, {detail.length.toLocaleString()}{" "}
          characters: read to the end before you allow it.
        </p>
      )}
    </>
  );
}

function AlwaysLine({ patterns }: { patterns: readonly string[] }) {
  const everything = patterns.every((pattern) => pattern === "*");
  return (
    <p className="mt-2 text-right text-[12px] [overflow-wrap:anywhere] text-muted">
      {everything ? (
        "Always: everything of this kind, in this session."
      ) : (
        <>
          Always, in this session:{" "}
          {patterns.map((pattern, index) => (
            <span key={index}>
              {index > 0 && ", "}
              <code className="font-mono text-fg">
                <StrictText text={pattern} />
              </code>
            </span>
          ))}
        </>
      )}
    </p>
  );
}

interface RejectProps {
  busy: boolean;
  onCancel: () => void;
  onSend: (message: string) => void;
}

function Reject({ busy, onCancel, onSend }: RejectProps) {
  const [message, setMessage] = useState("");
  return (
    <form
      className="mt-3 flex flex-wrap items-center gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        onSend(message.trim());
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        // Not the first half of what stops the agent.
        event.preventDefault();
        onCancel();
      }}
    >
      <input
        autoFocus
        value={message}
        onChange={(event) => setMessage(event.target.value)}
        maxLength={10_000}
        aria-label="What the agent should do instead"
        placeholder="What to do instead (optional)"
        className="min-h-8 min-w-0 flex-1 basis-56 rounded-md border border-field-line bg-bg px-3 pointer-coarse:min-h-10"
      />
      <Button kind="ghost" onClick={onCancel}>
        Back
      </Button>
      <Button kind="danger" type="submit" busy={busy} busyLabel="Rejecting…">
        Reject
      </Button>
    </form>
  );
}
