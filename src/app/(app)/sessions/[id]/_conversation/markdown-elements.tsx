import { Fragment, type ReactNode } from "react";
import type { MarkedToken, Tokens } from "marked";
import { CodeBlock } from "./code-block";
import { innerTokens, withCharacters } from "./markdown-tokens";
import { safeUrl } from "./safe-url";
import { withoutReordering } from "../../../../_ui/shown-text";

/** By depth. */
const HEADING_SIZES = ["text-[17px]", "text-[15px]", "text-[14px]"] as const;

interface BlocksProps {
  tokens: readonly MarkedToken[];
  /** The last code block is still being written. */
  openCode?: boolean;
}

/** Tokens of Markdown as elements. HTML in it is text: nothing of it becomes an element. */
export function BlockElements({ tokens, openCode = false }: BlocksProps) {
  return tokens.map((token, index) => <BlockElement key={index} token={token} openCode={openCode} />);
}

function BlockElement({ token, openCode }: { token: MarkedToken; openCode: boolean }) {
  switch (token.type) {
    case "paragraph":
      return (
        <p dir="auto" className="my-3 first:mt-0 last:mb-0">
          <InlineElements tokens={innerTokens(token)} />
        </p>
      );
    case "heading":
      return <Heading token={token} />;
    case "code":
      return <CodeBlock code={token.text} tag={/^\S*/.exec(token.lang ?? "")?.[0] ?? ""} open={openCode} />;
    case "blockquote":
      return (
        <blockquote className="my-3 border-l-2 border-line pl-4 text-muted">
          <BlockElements tokens={innerTokens(token)} openCode={openCode} />
        </blockquote>
      );
    case "list":
      return <List token={token} openCode={openCode} />;
    case "table":
      return <Table token={token} />;
    case "hr":
      return <hr className="my-5 border-line" />;
    case "html":
      return (
        <p dir="auto" className="my-3 whitespace-pre-wrap first:mt-0 last:mb-0">
          {token.text.trimEnd()}
        </p>
      );
    case "space":
    case "def":
      return null;
    default:
      return <InlineElement token={token} />;
  }
}

/** All of one level: below the turn's, and without one between them that is left out. */
function Heading({ token }: { token: Tokens.Heading }) {
  const size = HEADING_SIZES[token.depth - 1] ?? "text-[14px]";
  return (
    <h3 dir="auto" className={`mt-5 mb-2 font-semibold first:mt-0 ${size}`}>
      <InlineElements tokens={innerTokens(token)} />
    </h3>
  );
}

function List({ token, openCode }: { token: Tokens.List; openCode: boolean }) {
  const items = token.items.map((item, index) => (
    <li
      key={index}
      dir="auto"
      className={`${item.task ? "list-none" : ""} my-1 marker:text-muted [&>ol]:my-1 [&>p]:my-1 [&>ul]:my-1`}
    >
      <BlockElements tokens={innerTokens(item)} openCode={openCode} />
    </li>
  ));
  if (!token.ordered) return <ul className="my-3 list-disc pl-5">{items}</ul>;
  return (
    <ol start={Number(token.start)} className="my-3 list-decimal pl-6">
      {items}
    </ol>
  );
}

function Table({ token }: { token: Tokens.Table }) {
  return (
    <div tabIndex={0} role="group" aria-label="Table" className="my-3 overflow-x-auto">
      <table className="border-collapse text-[13px]">
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              <th
                key={index}
                dir="auto"
                style={alignment(cell)}
                className="border-b border-field-line px-3 py-1.5 text-left font-semibold"
              >
                <InlineElements tokens={innerTokens(cell)} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td
                  key={column}
                  dir="auto"
                  style={alignment(cell)}
                  className="border-b border-line px-3 py-1.5 align-top"
                >
                  <InlineElements tokens={innerTokens(cell)} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function alignment({ align }: Tokens.TableCell) {
  return align === null ? undefined : { textAlign: align };
}

interface InlineProps {
  /** Within a link, where no other can be. */
  inLink?: boolean;
}

function InlineElements({
  tokens,
  inLink = false,
}: InlineProps & { tokens: readonly MarkedToken[] }): ReactNode {
  return tokens.map((token, index) => <InlineElement key={index} token={token} inLink={inLink} />);
}

function InlineElement({ token, inLink = false }: InlineProps & { token: MarkedToken }): ReactNode {
  switch (token.type) {
    case "strong":
      return (
        <strong>
          <InlineElements tokens={innerTokens(token)} inLink={inLink} />
        </strong>
      );
    case "em":
      return (
        <em>
          <InlineElements tokens={innerTokens(token)} inLink={inLink} />
        </em>
      );
    case "del":
      return (
        <del>
          <InlineElements tokens={innerTokens(token)} inLink={inLink} />
        </del>
      );
    case "codespan":
      return (
        <code className="rounded bg-raised px-1 py-0.5 font-mono text-[13px] [overflow-wrap:anywhere]">
          {token.text}
        </code>
      );
    case "link":
      return (
        <Link url={token.href}>
          <InlineElements tokens={innerTokens(token)} inLink />
        </Link>
      );
    case "image":
      return <Image url={inLink ? "" : token.href} name={shownText(token.text)} />;
    case "checkbox":
      return <Checkbox checked={token.checked} />;
    case "br":
      return <br />;
    case "text":
      return token.tokens ? (
        <InlineElements tokens={innerTokens(token)} inLink={inLink} />
      ) : (
        shownText(token.text)
      );
    case "escape":
    case "html":
      return token.text;
    default:
      return <Fragment>{token.raw}</Fragment>;
  }
}

/** After its character references are characters, some may turn the text around again. */
function shownText(text: string): string {
  return withoutReordering(withCharacters(text));
}

function Link({ url, children }: { url: string; children: ReactNode }) {
  const href = safeUrl(withCharacters(url));
  if (href === "") return children;
  return (
    <a
      href={href}
      title={withoutReordering(href)}
      target="_blank"
      rel="noreferrer noopener"
      className="text-accent underline decoration-1 underline-offset-2"
    >
      {children}
    </a>
  );
}

/** Pictures are not fetched: whoever wrote the text would learn who reads it, and when. */
function Image({ url, name }: { url: string; name: string }) {
  const href = safeUrl(withCharacters(url));
  const shownName = name || "image";
  if (href === "") return <span className="text-muted">[{shownName}]</span>;
  return (
    <span>
      [<Link url={href}>{shownName}</Link>
      <span className="text-muted"> · picture from {new URL(href).host || "elsewhere"}, not loaded</span>]
    </span>
  );
}

function Checkbox({ checked }: { checked: boolean }) {
  return (
    <span className="mr-1 text-muted">
      <span aria-hidden>{checked ? "☑" : "☐"}</span>
      <span className="sr-only">{checked ? "done:" : "to do:"}</span>
    </span>
  );
}
