"use client";

import { useState } from "react";
import { Button } from "../../../../_ui/button";
import { Kbd } from "../../../../_ui/kbd";
import { Notice } from "../../../../_ui/notice";
import type { Respond } from "./request-answer";
import { StrictText } from "./strict-text";
import { useAnswer } from "./use-answer";
import { useRequestKeys } from "./use-request-keys";

interface PermissionAnswersProps {
  requestId: string;
  /** What "always" would allow. Without any it is not offered: nobody allows for good what they do not see. */
  always: readonly string[];
  /** Y, A and R answer; of one request of a page. */
  hasKeys?: boolean;
  onRespond: Respond;
}

/** Once, always or not, with what "always" means in sight. */
export function PermissionAnswers({ requestId, always, hasKeys = false, onRespond }: PermissionAnswersProps) {
  const answer = useAnswer(requestId, onRespond);
  /** `left`: gone back from, and the focus with it. */
  const [rejection, setRejection] = useState<"no" | "written" | "left">("no");
  const rejecting = rejection === "written";
  const mayAlways = always.length > 0;
  // While a rejection is written, what "always" means is not in sight, and no other key answers by mistake.
  const allow = (reply: "once" | "always") => {
    if (!rejecting) answer.send({ reply });
  };
  const acts = {
    once: () => allow("once"),
    always: () => mayAlways && allow("always"),
    reject: () => setRejection("written"),
  };
  useRequestKeys(requestId, hasKeys && answer.sent === null, acts);
  const busy = answer.sent !== null;
  return (
    <>
      {answer.error !== null && <Notice className="mt-3">{answer.error}</Notice>}
      {rejecting ? (
        <Reject
          busy={busy}
          onCancel={() => setRejection("left")}
          onSend={(message) => answer.send({ reply: "reject", ...(message === "" ? {} : { message }) })}
        />
      ) : (
        <>
          <div className="mt-3 flex flex-wrap items-center justify-end gap-2">
            <Button
              kind="ghost"
              busy={busy}
              onClick={acts.reject}
              autoFocus={rejection === "left"}
              aria-keyshortcuts={hasKeys ? "N R" : undefined}
            >
              Reject… {hasKeys && <Key name="R" />}
            </Button>
            {mayAlways && (
              <Button
                kind="plain"
                busy={busy}
                busyLabel={sentLabel(answer.sent, "always")}
                onClick={acts.always}
                aria-keyshortcuts={hasKeys ? "A" : undefined}
              >
                Allow always {hasKeys && <Key name="A" />}
              </Button>
            )}
            <Button
              busy={busy}
              busyLabel={sentLabel(answer.sent, "once")}
              onClick={acts.once}
              aria-keyshortcuts={hasKeys ? "Y" : undefined}
            >
              Allow once {hasKeys && <Key name="Y" inverse />}
            </Button>
          </div>
          {mayAlways && <AlwaysLine patterns={always} />}
        </>
      )}
    </>
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
