/** A reverse proxy with TLS, as people put one in front of the product. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";

/** PEM. */
export interface Certificate {
  key: string;
  cert: string;
}

export interface TlsProxy {
  /** Its origin, on a free port of this machine. */
  url: string;
  /** What stands behind it; known later, as the product wants to know `url` at its start. */
  leadTo(url: string): void;
  close(): Promise<void>;
}

/** Bodies go through as they come, upgrades too; `Host` stays, and `X-Forwarded-*` are added. */
export async function startTlsProxy(certificate: Certificate): Promise<TlsProxy> {
  let behind = "";
  const onward = (req: IncomingMessage): ClientRequest =>
    request(new URL(req.url ?? "/", behind), {
      method: req.method,
      headers: {
        ...req.headers,
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-proto": "https",
        "x-forwarded-host": req.headers.host,
      },
    });
  const server = createServer(certificate, (req, res) => {
    const asked = onward(req);
    asked.on("response", (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      // A stream that has nothing to say yet is open all the same.
      res.flushHeaders();
      answer.pipe(res);
    });
    asked.on("error", () => res.destroy());
    res.on("close", () => asked.destroy());
    req.pipe(asked);
  });
  server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    const asked = onward(req);
    asked.on("upgrade", (answer, far, farHead) => {
      socket.write(headOf(answer));
      socket.write(farHead);
      far.write(head);
      far.pipe(socket).pipe(far);
      endTogether(socket, far);
    });
    asked.on("response", (answer) => {
      socket.write(headOf(answer));
      answer.pipe(socket);
    });
    asked.on("error", () => socket.destroy());
    socket.on("error", () => asked.destroy());
    asked.end();
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    leadTo: (url) => void (behind = url),
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

/** The first lines of an answer, for a socket that is no longer HTTP's. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Whoever hangs up first takes the other along. */
function endTogether(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}

/** Of `localhost`, signed by itself. @returns null where there is no openssl to make one with */
export function makeCertificate(): Certificate | null {
  const dir = mkdtempSync(join(tmpdir(), "oa-tls-"));
  try {
    const [keyFile, certFile] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const made = spawnSync("openssl", ["req", ...kind, ...names, "-keyout", keyFile, "-out", certFile]);
    if (made.status !== 0) return null;
    return { key: readFileSync(keyFile, "utf8"), cert: readFileSync(certFile, "utf8") };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
