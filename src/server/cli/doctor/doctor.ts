import { runningServerStartedWith } from "../../../../scripts/lib/server-process.mjs";
import { composeDriver } from "../../compose-engine";
import type { Database } from "../../db/database";
import type { Environment } from "../../env";
import { examineEngine, examineImage } from "./engine";
import type { Finding } from "./finding";
import { examineDatabase, examineDisk, examineMasterKey, examineMode, examineNode } from "./machine";
import { examineMirror } from "./mirror";
import { examineServer } from "./server";
import { examineContainers, examineVolumes } from "./sessions";
import { examineSeq, examineSpool } from "./spine";

/**
 * Looks at everything that the server needs, and at whether nothing is lost, one after the other. What can be told of is a finding,
 * an engine or a server that does not answer too; a disk or a database that cannot be read at all throws.
 * @param deps.compareMirror asks the running server; null when it cannot be asked
 */
export async function examine(deps: {
  env: Environment;
  db: Database;
  root: string;
  compareMirror: (() => Promise<unknown>) | null;
}): Promise<Finding[]> {
  const { env, db } = deps;
  const driver = composeDriver(deps);
  return [
    examineNode(process.versions.node),
    examineDisk(env.dataDir),
    examineDatabase(db),
    examineSeq(db),
    examineSpool(db),
    examineMode("data directory", env.dataDir),
    examineMasterKey({ file: env.masterKeyFile, db }),
    await examineEngine(driver),
    await examineImage(driver, env.sessionImage ?? runningServerStartedWith(env.dataDir)?.image ?? null),
    await examineVolumes({ db, driver }),
    await examineContainers({ db, driver }),
    await examineServer(env.dataDir),
    await examineMirror(deps.compareMirror),
  ];
}
