import {
  askReadiness,
  runningServer,
  runningServerStartedWith,
} from "../../../../scripts/lib/server-process.mjs";
import type { Finding } from "./finding";

/** The server that `npm run up` started, at the address that it was started with. */
export async function examineServer(dataDir: string): Promise<Finding> {
  const what = "server";
  const pid = runningServer(dataDir);
  if (pid === undefined) {
    const fact = `none runs in the background on ${dataDir}. Start it with: npm run up`;
    return { what, problem: null, fact, isNote: true };
  }
  const address = runningServerStartedWith(dataDir);
  if (address === undefined) {
    const fact = `runs (pid ${pid}); not asked, as it did not write down its address`;
    return { what, problem: null, fact, isNote: true };
  }
  const { ready, answered, why } = await askReadiness(address);
  if (ready) return { what, problem: null, fact: `ready at ${address.url}` };
  const fact = `runs (pid ${pid}) but does not answer at ${address.localUrl} (${why}). Look at: npm run logs`;
  if (!answered) return { what, problem: null, fact, isNote: true };
  return { what, problem: `runs at ${address.url} but is not ready: ${why}`, fact };
}
