"use client";

import { memo, type ComponentProps, type ReactNode } from "react";
import ReactMarkdown, { type Components, type ExtraProps } from "react-markdown";
import remarkGfm from "remark-gfm";
import remend from "remend";
import { CodeBlock } from "./code-block";
import { endsInFence, markdownBlocks } from "./markdown-blocks";
import { safeUrl } from "./safe-url";
import { withoutReordering } from "../../../../_ui/shown-text";

const PLUGINS = [remarkGfm];
const REMEND = { linkMode: "text-only", images: false, katex: false } as const;

/** Prose of the agent. While it streams, only the last block is drawn anew. */
export const Markdown = memo(function Markdown({ text, streaming }: { text: string; streaming: boolean }) {
  const blocks = markdownBlocks(withoutReordering(text));
  return (
    <div className="min-w-0 [overflow-wrap:anywhere]">
      {blocks.map((block, index) => (
        <Block key={index} text={block} streaming={streaming && index === blocks.length - 1} />
      ))}
    </div>
  );
});

const Block = memo(function Block({ text, streaming }: { text: string; streaming: boolean }) {
  const inCode = streaming && endsInFence(text);
  const whole = streaming && !inCode ? remend(text, REMEND) : text;
  return (
    <ReactMarkdown
      remarkPlugins={PLUGINS}
      urlTransform={safeUrl}
      components={inCode ? OPEN_CODE_COMPONENTS : COMPONENTS}
    >
      {whole}
    </ReactMarkdown>
  );
});

function Link({ href, children, ...rest }: ComponentProps<"a">) {
  // Its target would be an id that two messages share.
  if ("data-footnote-backref" in rest) return null;
  if (!href) return <>{children}</>;
  return (
    <a
      href={href}
      title={href}
      target="_blank"
      rel="noreferrer noopener"
      className="text-accent underline decoration-1 underline-offset-2"
    >
      {children}
    </a>
  );
}

/** Pictures are not fetched: whoever wrote the text would learn who reads it, and when. */
function Image({ src, alt }: ComponentProps<"img">) {
  const name = alt || "image";
  if (typeof src !== "string" || src === "") return <span className="text-muted">[{name}]</span>;
  return (
    <span>
      [<Link href={src}>{name}</Link>
      <span className="text-muted"> · picture from {hostOf(src)}, not loaded</span>]
    </span>
  );
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "elsewhere";
}

function Checkbox({ checked }: ComponentProps<"input">) {
  return (
    <span className="mr-1 text-muted">
      <span aria-hidden>{checked ? "☑" : "☐"}</span>
      <span className="sr-only">{checked ? "done:" : "to do:"}</span>
    </span>
  );
}

function heading(Tag: "h3" | "h4" | "h5" | "h6", look: string) {
  return function Heading({ children, className }: { children?: ReactNode; className?: string }) {
    return (
      <Tag dir="auto" className={className ?? `mt-5 mb-2 font-semibold first:mt-0 ${look}`}>
        {children}
      </Tag>
    );
  };
}

/** The code of a `pre`, as the parser left it: one element `code` with one text. */
function preOf(open: boolean) {
  return function Pre({ node }: ComponentProps<"pre"> & ExtraProps) {
    const code = node?.children[0];
    if (code?.type !== "element") return null;
    const [text] = code.children;
    const names = code.properties.className;
    const tag = Array.isArray(names) ? String(names[0] ?? "").replace(/^language-/, "") : "";
    const value = text?.type === "text" ? text.value.replace(/\n$/, "") : "";
    return <CodeBlock code={value} tag={tag} open={open} />;
  };
}

const COMPONENTS: Components = {
  a: Link,
  img: Image,
  input: Checkbox,
  pre: preOf(false),
  code: ({ children }) => (
    <code className="rounded bg-raised px-1 py-0.5 font-mono text-[13px] [overflow-wrap:anywhere]">
      {children}
    </code>
  ),
  p: ({ children }) => (
    <p dir="auto" className="my-3 first:mt-0 last:mb-0">
      {children}
    </p>
  ),
  h1: heading("h3", "text-[17px]"),
  h2: heading("h4", "text-[15px]"),
  h3: heading("h5", "text-[14px]"),
  h4: heading("h6", "text-[14px]"),
  h5: heading("h6", "text-[14px]"),
  h6: heading("h6", "text-[14px]"),
  ul: ({ children }) => <ul className="my-3 list-disc pl-5">{children}</ul>,
  ol: ({ children, start }) => (
    <ol start={start} className="my-3 list-decimal pl-6">
      {children}
    </ol>
  ),
  li: ({ children, className }) => (
    <li
      dir="auto"
      className={`${className === "task-list-item" ? "list-none" : ""} my-1 marker:text-muted [&>ol]:my-1 [&>p]:my-1 [&>ul]:my-1`}
    >
      {children}
    </li>
  ),
  blockquote: ({ children }) => (
    <blockquote className="my-3 border-l-2 border-line pl-4 text-muted">{children}</blockquote>
  ),
  hr: () => <hr className="my-5 border-line" />,
  table: ({ children }) => (
    <div tabIndex={0} role="group" aria-label="Table" className="my-3 overflow-x-auto">
      <table className="border-collapse text-[13px]">{children}</table>
    </div>
  ),
  th: ({ children, style }) => (
    <th dir="auto" style={style} className="border-b border-field-line px-3 py-1.5 text-left font-semibold">
      {children}
    </th>
  ),
  td: ({ children, style }) => (
    <td dir="auto" style={style} className="border-b border-line px-3 py-1.5 align-top">
      {children}
    </td>
  ),
  // Footnotes refer to ids, which two messages would share.
  sup: ({ children }) => <sup className="text-muted">{children}</sup>,
  section: ({ children }) => (
    <div className="mt-4 border-t border-line pt-2 text-[13px] text-muted">{children}</div>
  ),
};
const OPEN_CODE_COMPONENTS: Components = { ...COMPONENTS, pre: preOf(true) };
