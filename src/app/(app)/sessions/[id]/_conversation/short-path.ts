const WORKSPACE = "/workspace/";

/** A path as it is spoken of: within the workspace by what follows it. */
export function workspacePath(path: string): string {
  if (path === "/workspace" || path === WORKSPACE) return ".";
  return path.startsWith(WORKSPACE) ? path.slice(WORKSPACE.length) : path;
}

/**
 * A path of at most about `max` characters: what goes is the middle, folder by folder; the beginning and the name, which
 * tell the most, stay.
 */
export function shortPath(path: string, max = 56): string {
  if (path.length <= max) return path;
  const parts = path.split("/");
  const name = parts.pop() ?? "";
  if (name.length + 2 > max) return `${parts.length > 0 ? "…/" : ""}${middleCut(name, max)}`;
  const first = parts[0] === "" ? `/${parts[1] ?? ""}` : (parts[0] ?? "");
  const tail: string[] = [name];
  let length = first.length + 3 + name.length;
  for (const folder of parts.slice(parts[0] === "" ? 2 : 1).reverse()) {
    length += folder.length + 1;
    if (length > max) break;
    tail.unshift(folder);
  }
  return length - first.length > max && tail.length === 1 ? `…/${name}` : `${first}/…/${tail.join("/")}`;
}

function middleCut(text: string, max: number): string {
  const half = Math.max(1, Math.floor((max - 1) / 2));
  return text.length <= max ? text : `${text.slice(0, half)}…${text.slice(-half)}`;
}
