/**
 * Two packages are here for the session image alone and carry programs named `node`, `npm` and `npx`. npm puts them before
 * the system's in the PATH of every script; then the same command would run on another Node after the first install.
 */
import { rmSync } from "node:fs";

for (const name of ["node", "npm", "npx"]) {
  rmSync(new URL(`../node_modules/.bin/${name}`, import.meta.url), { force: true });
}
