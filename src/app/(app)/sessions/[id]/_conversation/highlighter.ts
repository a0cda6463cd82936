import type { HighlighterCore, LanguageInput, ThemedToken } from "shiki/core";

/** Loaded when a block of the language is first shown. */
const LANGUAGES: Readonly<Record<string, () => Promise<{ default: LanguageInput }>>> = {
  bash: () => import("shiki/langs/bash.mjs"),
  c: () => import("shiki/langs/c.mjs"),
  css: () => import("shiki/langs/css.mjs"),
  diff: () => import("shiki/langs/diff.mjs"),
  docker: () => import("shiki/langs/docker.mjs"),
  go: () => import("shiki/langs/go.mjs"),
  html: () => import("shiki/langs/html.mjs"),
  java: () => import("shiki/langs/java.mjs"),
  javascript: () => import("shiki/langs/javascript.mjs"),
  json: () => import("shiki/langs/json.mjs"),
  markdown: () => import("shiki/langs/markdown.mjs"),
  python: () => import("shiki/langs/python.mjs"),
  rust: () => import("shiki/langs/rust.mjs"),
  sql: () => import("shiki/langs/sql.mjs"),
  toml: () => import("shiki/langs/toml.mjs"),
  tsx: () => import("shiki/langs/tsx.mjs"),
  typescript: () => import("shiki/langs/typescript.mjs"),
  yaml: () => import("shiki/langs/yaml.mjs"),
};

const ALIASES: Readonly<Record<string, string>> = {
  // The grammar of C++ alone is larger than all of the others.
  "c++": "c",
  cc: "c",
  cjs: "javascript",
  cpp: "c",
  dockerfile: "docker",
  h: "c",
  hpp: "c",
  htm: "html",
  js: "javascript",
  jsonc: "json",
  jsx: "tsx",
  md: "markdown",
  mjs: "javascript",
  patch: "diff",
  py: "python",
  rs: "rust",
  sh: "bash",
  shell: "bash",
  shellscript: "bash",
  svg: "html",
  ts: "typescript",
  xml: "html",
  yml: "yaml",
  zsh: "bash",
};

/** Colours cost a span a token; longer code stays plain. Characters. */
const MAX_CODE = 30_000;

/** @returns the name of a language that can be coloured; null for others */
export function languageOf(tag: string): string | null {
  const name = tag.toLowerCase();
  const known = Object.hasOwn(ALIASES, name) ? ALIASES[name] : name;
  return known !== undefined && Object.hasOwn(LANGUAGES, known) ? known : null;
}

/** The one highlighter of the page, made at the first block: its grammars are shared. */
const page: { highlighter: Promise<HighlighterCore> | null } = { highlighter: null };

/**
 * Lines of tokens, each with a colour for light and one for dark as CSS variables. Everything comes from this origin, and
 * the engine is JavaScript: the page's policy allows no WebAssembly.
 * @returns null for code that stays plain
 */
export async function highlight(code: string, language: string): Promise<ThemedToken[][] | null> {
  const load = Object.hasOwn(LANGUAGES, language) ? LANGUAGES[language] : undefined;
  if (load === undefined || code.length > MAX_CODE) return null;
  page.highlighter ??= create();
  const [highlighter, grammar] = await Promise.all([page.highlighter, load()]);
  await highlighter.loadLanguage(grammar.default);
  return highlighter.codeToTokens(code, {
    lang: language,
    themes: { light: "github-light-default", dark: "github-dark-default" },
    defaultColor: false,
    // Comments, which the theme draws paler than text may be.
    colorReplacements: { "github-light-default": { "#6e7781": "#57606a" } },
  }).tokens;
}

async function create(): Promise<HighlighterCore> {
  const [{ createHighlighterCore }, { createJavaScriptRegexEngine }, light, dark] = await Promise.all([
    import("shiki/core"),
    import("shiki/engine/javascript"),
    import("shiki/themes/github-light-default.mjs"),
    import("shiki/themes/github-dark-default.mjs"),
  ]);
  return createHighlighterCore({
    themes: [light.default, dark.default],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
}
