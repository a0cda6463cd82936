/**
 * The name by which people open a server that listens on a host while OPENAGENT_URL is not set. It answers to `localhost`
 * and `127.0.0.1` alone then (src/server/http/origins.ts), so one of them must lead to where it listens; only to ::1 none
 * leads for sure, so there it goes by that address instead (src/server/env.ts).
 * @param {string} host as HOST gives it, in any spelling
 * @returns {"127.0.0.1" | "localhost" | "[::1]" | undefined} undefined: nobody could open it
 */
export function ownNameOf(host) {
  switch (canonical(host)) {
    case "127.0.0.1":
    case "0.0.0.0":
    case "[::]":
      return "127.0.0.1";
    case "localhost":
      return "localhost";
    case "[::1]":
      return "[::1]";
    default:
      return undefined;
  }
}

/**
 * @param {{ host: string, port: number }} address without OPENAGENT_URL
 * @returns {string | undefined} why the server must not start there, with what to do
 */
export function hostProblem({ host, port }) {
  if (ownNameOf(host) !== undefined) return undefined;
  return `With HOST=${host} nobody could open the server: without OPENAGENT_URL it answers to localhost and 127.0.0.1 alone. Set OPENAGENT_URL to the address that people type, such as http://${bracketed(host)}:${port}, or leave HOST out and reach it through an ssh tunnel or a reverse proxy.`;
}

/**
 * @param {{ host: string, port: number }} address without OPENAGENT_URL
 * @returns {string | undefined} what to know where others reach the port but not the pages
 */
export function hostHint({ host, port }) {
  const everywhere = ["0.0.0.0", "[::]"].includes(canonical(host) ?? "");
  if (!everywhere) return undefined;
  return `HOST=${host} listens on every address of this machine, but without OPENAGENT_URL the server answers to localhost and 127.0.0.1 alone, as through an ssh tunnel. For any other address set OPENAGENT_URL to what people type, such as http://agents.example.org:${port}.`;
}

/** For the inside of an address. @param {string} host */
export function bracketed(host) {
  return host.includes(":") ? `[${host}]` : host;
}

/** @param {string} host @returns {string | undefined} undefined when no address can hold it */
function canonical(host) {
  const address = `http://${bracketed(host)}`;
  return URL.canParse(address) ? new URL(address).hostname : undefined;
}
