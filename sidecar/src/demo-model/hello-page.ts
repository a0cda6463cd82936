/** The page that the demo model writes: small, valid, and different for different prompts. */

/** @param prompt any text; it is escaped */
export function helloPage(prompt: string): string {
  const heading = escapeHtml(firstWords(prompt, 60) || "Hello");
  const hue = [...prompt].reduce((sum, character) => (sum * 31 + (character.codePointAt(0) ?? 0)) % 360, 7);
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>${heading}</title>
    <style>
      body { margin: 4rem auto; max-width: 36rem; font: 1.125rem/1.6 system-ui, sans-serif; background: hsl(${hue} 60% 96%); }
      h1 { color: hsl(${hue} 65% 32%); }
    </style>
  </head>
  <body>
    <h1>${heading}</h1>
    <p>Written by OpenAgent's demo model: a script, no AI.</p>
  </body>
</html>
`;
}

/** The beginning of a text on one line, cut between words where it can be. */
export function firstWords(text: string, maxCharacters: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  if (line.length <= maxCharacters) return line;
  const cut = line.slice(0, maxCharacters + 1);
  const space = cut.lastIndexOf(" ");
  return `${cut.slice(0, space > 0 ? space : maxCharacters - 1)}…`;
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
