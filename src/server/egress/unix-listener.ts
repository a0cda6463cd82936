/** A server's socket file in a directory that the session can write to. */
import { once } from "node:events";
import { chmod, unlink } from "node:fs/promises";
import type { Server } from "node:http";

/** Node 20 cuts a longer path without a word. */
const MAX_SOCKET_PATH_BYTES = 107;

/**
 * Replaces what is left of an earlier server at the path, listens, and opens the socket to every uid of the container.
 * Closing the server removes the file.
 * @throws Error with a sentence when the path cannot be listened on
 */
export async function listenOnUnixSocket(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new Error(
      `The socket path ${path} is longer than ${MAX_SOCKET_PATH_BYTES} bytes. Set OPENAGENT_DATA_DIR to a shorter path.`,
    );
  }
  await removeStale(path);
  server.listen(path);
  await once(server, "listening");
  try {
    // The directory is sticky and the agent's uid is not ours, so nobody can have put another file there since.
    await chmod(path, 0o666);
  } catch (error) {
    server.close();
    throw error;
  }
}

/** Takes away one name and never more: the session's programs may have put anything here while nobody listened. */
async function removeStale(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw new Error(
      `The session's way out cannot be opened: something that is no socket stands at ${path}. Restart the session; it gets a new directory.`,
      { cause: error },
    );
  }
}
