/** A run that waits for a person: at which step, and what is decided. */

import type { DecisionRequest } from '../contract';
import type { Follower } from './follow';
import type { Pipeline } from './pipeline';

/** The step at which a followed run waits for a person's decision; null when it does not. */
export function waitsAt({ progress, detail }: Follower): string | null {
  const open = progress?.status === 'paused' ? detail?.waits.filter(({ decided }) => decided === null) : [];
  return open?.[0]?.step ?? null;
}

/** Save, and decide about the step that the followed run waits at. Rejects when somebody was faster. */
export async function decide(pipeline: Pipeline, asked: DecisionRequest): Promise<void> {
  const { follower } = pipeline;
  const before = follower.detail?.run.id;
  if (!before) {
    return;
  }
  await pipeline.source.save();
  try {
    const { run } = await pipeline.api.decide(before, pipeline.source.path, asked);
    await (run === null ? follower.follow(before, false) : pipeline.started(run));
  } catch (error) {
    // What somebody else decided is shown.
    void follower.follow(before, false).catch(() => undefined);
    throw error;
  }
}
