const MAX_CHARACTERS = 40;

/**
 * A program's title as part of a tab's label: on one line, cut, without what could turn the text around it.
 * @returns "" when nothing is left of it
 */
export function cleanTitle(title: string): string {
  const clean = title
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, "")
    .replace(/\s+/g, " ")
    .trim();
  const characters = [...clean];
  return characters.length > MAX_CHARACTERS ? `${characters.slice(0, MAX_CHARACTERS - 1).join("")}…` : clean;
}
