import type { Driver } from "../../../drivers/driver";
import { examineByDriver, type Finding } from "./finding";

export async function examineEngine(driver: Driver): Promise<Finding> {
  return examineByDriver("engine", async () => {
    const { version, usernsRemap } = await driver.ping();
    return { problem: null, fact: `Docker ${version}${usernsRemap ? ", user namespaces remapped" : ""}` };
  });
}

export async function examineImage(driver: Pick<Driver, "hasImage">, image: string | null): Promise<Finding> {
  return examineByDriver("image", async () => {
    // Its name is a hash of what goes into it; only a running server, or the environment, has it at hand.
    if (image === null) {
      const fact = "not checked: no running server says which one. `npm run up` builds it when it is missing";
      return { problem: null, fact, isNote: true };
    }
    const problem = (await driver.hasImage(image)) ? null : `${image} is missing. Run: npm run up`;
    return { problem, fact: image };
  });
}
