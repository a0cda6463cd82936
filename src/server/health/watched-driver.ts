import { type Driver, DriverError, type DriverErrorCode } from "../../drivers/driver";

/** The driver, and each of its failures is told by its code. */
export function watchedDriver(driver: Driver, onFailure: (code: DriverErrorCode) => void): Driver {
  const tell = (error: unknown) => {
    if (error instanceof DriverError) onFailure(error.code);
  };
  const told =
    <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      try {
        return await call(...args);
      } catch (error) {
        tell(error);
        throw error;
      }
    };
  return {
    ping: told(driver.ping),
    hasImage: told(driver.hasImage),
    ensureVolumes: told(driver.ensureVolumes),
    removeVolumes: told(driver.removeVolumes),
    prepareEndpoint: told(driver.prepareEndpoint),
    lockEndpoint: told(driver.lockEndpoint),
    start: told(driver.start),
    inspect: told(driver.inspect),
    remove: told(driver.remove),
    list: told(driver.list),
    listVolumes: told(driver.listVolumes),
    measureVolumes: told(driver.measureVolumes),
    exportVolumes: told(driver.exportVolumes),
    importVolumes: told(driver.importVolumes),
    whilePaused: (sessionId, work) => told(() => driver.whilePaused(sessionId, work))(),
    recoverCopies: told(driver.recoverCopies),
    listEndpoints: told(driver.listEndpoints),
    hasNeighbours: told(driver.hasNeighbours),
    listSessionImages: told(driver.listSessionImages),
    removeImage: told(driver.removeImage),
    tail: told(driver.tail),
    watch(handlers, signal) {
      const onError = (error: DriverError) => {
        tell(error);
        handlers.onError(error);
      };
      driver.watch({ ...handlers, onError }, signal);
    },
  };
}
