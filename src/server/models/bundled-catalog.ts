import { createCatalog, type Catalog } from "./catalog";
import snapshot from "./snapshot.json";

/** The models known at this version, made by scripts/make-model-snapshot.mjs. Works with no network. */
export function bundledCatalog(): Catalog {
  return createCatalog(snapshot);
}
