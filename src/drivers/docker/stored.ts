/** What lies on the engine and takes room: volumes by their size, and session images. */
import type Docker from "dockerode";
import { z } from "zod";
import { type SessionImage, VOLUME_KINDS, type VolumeSizes } from "../driver";
import { isConflict, isNotFound } from "./engine-error";
import { LABEL, SESSION_IMAGE, volumeName } from "./names";

const usage = z.object({
  Volumes: z
    .array(
      z.object({
        Name: z.string(),
        Labels: z.record(z.string(), z.string()).nullish(),
        UsageData: z.object({ Size: z.number() }).nullish(),
      }),
    )
    .nullish(),
});

/** @param json the engine's answer of `GET /system/df`. What it did not measure counts as nothing. */
export function volumeSizes(json: unknown, prefix: string): VolumeSizes[] {
  const sizes = new Map<string, VolumeSizes>();
  for (const { Name, Labels, UsageData } of usage.parse(json).Volumes ?? []) {
    const sessionId = Labels?.[LABEL.session];
    if (Labels?.[LABEL.installation] !== prefix || sessionId === undefined) continue;
    const kind = VOLUME_KINDS.find((kind) => Name === volumeName(prefix, sessionId, kind));
    if (kind === undefined) continue;
    const known = sizes.get(sessionId) ?? { sessionId, workspace: 0, state: 0 };
    sizes.set(sessionId, { ...known, [kind]: Math.max(0, UsageData?.Size ?? 0) });
  }
  return [...sizes.values()];
}

export async function measureVolumes(docker: Docker, prefix: string): Promise<VolumeSizes[]> {
  return volumeSizes(await docker.df(), prefix);
}

/** Another name than ours means that somebody keeps it, or made it from ours: its label says nothing then. */
export async function listSessionImages(docker: Docker): Promise<SessionImage[]> {
  const found = await docker.listImages({ filters: { label: [SESSION_IMAGE.label] } });
  return found.flatMap(({ Id, RepoTags, Created, Size }) => {
    const refs = (RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
    const isOurs = refs.length > 0 && refs.every((ref) => ref.startsWith(`${SESSION_IMAGE.repository}:`));
    return isOurs ? [{ id: Id, refs, createdAt: new Date(Created * 1000).toISOString(), bytes: Size }] : [];
  });
}

export async function hasNeighbours(docker: Docker, prefix: string): Promise<boolean> {
  const filters = { label: [LABEL.installation] };
  const [containers, { Volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listVolumes({ filters }),
  ]);
  const labels = [...containers.map((at) => at.Labels), ...(Volumes ?? []).map((at) => at.Labels)];
  return labels.some((given) => given[LABEL.installation] !== prefix);
}

/** By its names and without force: the engine itself refuses while a container has it. */
export async function removeImage(docker: Docker, { refs }: SessionImage): Promise<boolean> {
  for (const ref of refs) {
    try {
      await docker.getImage(ref).remove();
    } catch (error) {
      if (isConflict(error)) return false;
      if (!isNotFound(error)) throw error;
    }
  }
  return true;
}
