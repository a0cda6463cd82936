/** What an agent may be led to say, to name its files and to ask for, by whoever wrote what it reads. */
const RUNS = "window.pwned=1";
const LONG_WORD = "unbreakable".repeat(300);
/** Turns the text around behind it: what ends in "exe" is read as ending in "txt". */
const TURNED = "\u202etxt.\u2066exe\u2069";

const prose = [
  `<script>${RUNS}</script> and <img src=x onerror="${RUNS}"> and <svg/onload="${RUNS}">`,
  `<iframe srcdoc="<script>parent.pwned=1</script>"></iframe><style>body{display:none}</style>`,
  `[press me](javascript:${RUNS}) [or me](data:text/html,<script>${RUNS}</script>) [or me](JaVaScRiPt:${RUNS})`,
  `[a page](https://elsewhere.example/page) <javascript:${RUNS}> [vb](vbscript:${RUNS}) [file](file:///etc/passwd)`,
  `![a picture](https://elsewhere.example/pixel.png) ![inline](data:image/svg+xml,<svg/onload=${RUNS}>)`,
  `<https://elsewhere.example/auto> [ref][1] <base href="https://elsewhere.example/">`,
  LONG_WORD,
  `\`${LONG_WORD}\``,
  `| a | b |\n|---|---|\n| ${LONG_WORD} | ${TURNED} |`.replaceAll("\n", " "),
  `invoice${TURNED} and \u202b\u202d\u2067 and many marks: Z${"\u0335\u0322".repeat(60)}`,
];

const NAMES = [
  `<img src=x onerror=${RUNS}>.html`,
  `invoice${TURNED}`,
  `${"deep-".repeat(30)}${"long".repeat(20)}.txt`,
];

const writes = NAMES.map(
  (name) =>
    `tool write ${JSON.stringify({ filePath: `/workspace/${name}`, content: `<script>${RUNS}</script>\n${LONG_WORD}\n${TURNED}` })}`,
);

const LAST_WORDS = "That was all of it.";

export const HOSTILE = {
  title: `<img src=x onerror=${RUNS}> ${TURNED} ${"title".repeat(30)}`,
  /** Of the demo model. */
  script: [
    "#script",
    ...prose.flatMap((text) => [`think ${text}`, `say ${text}`]),
    ...writes,
    `say ${LAST_WORDS}`,
  ].join("\n"),
  lastWords: LAST_WORDS,
  /** Run by a person: escape sequences that would set a title, write the clipboard, clear and link. */
  command: `printf '\\033]0;pwned\\007\\033]52;c;cHduZWQ=\\007\\033[2J\\033]8;;javascript:${RUNS}\\007link\\033]8;;\\007\\n<script>${RUNS}</script>\\n%s\\n' ${LONG_WORD}`,
  asking: `tool bash ${JSON.stringify({ command: `echo ${TURNED} ${LONG_WORD} <img src=x onerror=${RUNS}>`, description: `<script>${RUNS}</script>${TURNED}` })}`,
};
