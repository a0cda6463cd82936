"use client";

import { Paperclip } from "lucide-react";
import type { PartView } from "../../../../../timeline/view";
import { shortPath } from "./short-path";
import { shown } from "../../../../_ui/shown-text";

const PICTURE = /^data:image\/(?:png|jpeg|gif|webp);base64,/;

/** A file that was sent along. A picture is drawn from the message itself; nothing is fetched. */
export function FileChip({ file }: { file: NonNullable<PartView["file"]> }) {
  const name = shown(file.name) || "file";
  if (file.url !== undefined && PICTURE.test(file.url)) {
    return (
      <img src={file.url} alt={name} className="my-2 max-h-60 max-w-full rounded-md border border-line" />
    );
  }
  return (
    <span className="my-1 mr-2 inline-flex max-w-full items-center gap-2 rounded-md border border-line px-2 py-1 text-[13px]">
      <Paperclip size={13} aria-hidden className="shrink-0 text-muted" />
      <bdi className="min-w-0 truncate" title={name}>
        {shortPath(name, 40)}
      </bdi>
      <span className="shrink-0 text-[12px] text-muted">{shown(file.mime)}</span>
    </span>
  );
}
