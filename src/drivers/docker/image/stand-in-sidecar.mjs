/**
 * Stands where the sidecar stands while image.integration.test.ts looks at the image itself: holds an open port per
 * proxy that a program may be given, says on standard output who calls them, and ends with 7 on SIGTERM.
 */
import { createServer } from "node:net";
import pty from "@lydell/node-pty";

for (const port of [3128, 3129]) {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (data) => {
      console.log(`called ${port} ${String(data).split("\r\n")[0]}`);
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
  });
  server.listen(port, "127.0.0.1");
}
process.stdin.on("data", (data) => console.log(`heard ${String(data).trim()}`));
process.on("SIGTERM", () => process.exit(7));
console.log(`up pid ${process.pid} pty ${typeof pty.spawn}`);
