import { type Product, startProduct } from "../e2e/harness";
import { METRICS_TOKEN } from "../e2e/server-metrics";
import { buildStubImage } from "../e2e/stub/stub-image";
import { startStubSessions } from "../e2e/stub/stub-sessions";
import type { BenchContext } from "./context";

/** The built product with as many stub sessions as are asked for, all running. The caller closes it. */
export async function startStubProduct(
  ctx: BenchContext,
): Promise<{ product: Product; ids: string[]; close(): Promise<void> }> {
  const image = await buildStubImage(ctx.image);
  const removeImage = ctx.cleanup.add(() => image.remove());
  const product = await startProduct({
    OPENAGENT_SESSION_IMAGE: image.ref,
    OPENAGENT_METRICS_TOKEN: METRICS_TOKEN,
    OPENAGENT_LOG_LEVEL: "warn",
  });
  const closeProduct = ctx.cleanup.add(() => product.close());
  const close = async () => {
    await closeProduct();
    await removeImage();
  };
  try {
    const ids = await startStubSessions(product.client, ctx.sessions, (running) => {
      if (running % 10 === 0) ctx.progress(`${running} of ${ctx.sessions} sessions run`);
    });
    return { product, ids, close };
  } catch (error) {
    await close();
    throw error;
  }
}
