/** Only addresses that open a page or a mail somewhere else; every other link is text. */
export function safeUrl(url: string): string {
  return /^(?:https?:\/\/|mailto:)/i.test(url) && URL.canParse(url) ? url : "";
}
