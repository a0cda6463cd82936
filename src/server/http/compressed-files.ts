import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RequestHandler } from "./dispatcher";

const SUFFIX = ".br";
const TYPES: Readonly<Record<string, string>> = {
  js: "application/javascript; charset=UTF-8",
  css: "text/css; charset=UTF-8",
};
/** The names have hashes of the contents in them. */
const FOR_EVER = "public, max-age=31536000, immutable";

/**
 * Answers with what the build compressed, from memory: smaller than what is compressed at each request, and
 * no work. A client that does not take Brotli, as browsers over plain HTTP, and a file that was not compressed are left
 * to `otherwise`.
 * @param opts.folder its files' `.br` twins are read once, now; the build made them
 * @param opts.prefix of the addresses of what is in the folder, such as `/_next/static`
 */
export function createCompressedFiles(opts: {
  folder: string;
  prefix: string;
  otherwise: RequestHandler;
}): RequestHandler {
  const files = new Map(
    readCompressed(opts.folder).map(({ name, ...file }) => [`${opts.prefix}/${name}`, file]),
  );
  return (req, res, facts) => {
    const file = files.get(facts.pathname);
    const isRead = req.method === "GET" || req.method === "HEAD";
    if (file === undefined || !isRead || !takesBrotli(req.headers["accept-encoding"]))
      return opts.otherwise(req, res, facts);
    res.writeHead(200, {
      "content-type": file.type,
      "content-encoding": "br",
      "content-length": file.body.length,
      "cache-control": FOR_EVER,
      vary: "Accept-Encoding",
    });
    res.end(req.method === "HEAD" ? undefined : file.body);
  };
}

function readCompressed(folder: string) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((path) => {
    const [, name, extension] = /^(.+\.(\w+))\.br$/.exec(path) ?? [];
    const type = TYPES[extension ?? ""];
    if (name === undefined || type === undefined) return [];
    return [{ name, type, body: readFileSync(join(folder, name + SUFFIX)) }];
  });
}

function takesBrotli(accepted: string | string[] | undefined): boolean {
  return String(accepted ?? "")
    .split(",")
    .some((each) => {
      const [coding = "", quality = ""] = each.split(";");
      return coding.trim().toLowerCase() === "br" && !/^\s*q=0(?:\.0*)?\s*$/.test(quality);
    });
}
