import { Stopped } from './failure.ts';
import { namesOf } from './release.ts';
import { back, type Takeover } from './split.ts';

/** Requests from elsewhere are looked for at least this often. */
const askedMs = 500;

/** What somebody has asked of this rollout. It is journalled before it is taken away, and an abort is carried out here. */
export async function askedFor(takeover: Takeover): Promise<'promote' | undefined> {
  const { stamp, ports, emit } = takeover;
  const pending = ports.requests.pending(namesOf(takeover));
  // Of another candidate, whose rollout has ended: nobody waits for it any more.
  for (const old of pending) if (old.stamp !== stamp) ports.requests.remove(old.id);
  const ours = pending.filter((each) => each.stamp === stamp);
  // Whoever wants it back is right.
  const chosen = ours.find(({ what }) => what === 'abort') ?? ours[0];
  if (chosen === undefined) return undefined;
  await emit({ type: 'rollout-asked', ...namesOf(takeover), what: chosen.what, by: chosen.by });
  for (const { id } of ours) ports.requests.remove(id);
  return chosen.what === 'abort' ? back(takeover, abortedText(chosen.by)) : 'promote';
}

/** Why a rollout ended that somebody aborted. */
export function abortedText(by: string | undefined): string {
  return `aborted by ${by ?? 'hand'}`;
}

/** Waits, but not past a request. */
export async function pauseUntilAsked(takeover: Takeover, milliseconds: number): Promise<'promote' | undefined> {
  const { ports, signal } = takeover;
  const untilMs = ports.clock.now().getTime() + milliseconds;
  for (;;) {
    const leftMs = untilMs - ports.clock.now().getTime();
    if (leftMs <= 0) return undefined;
    await ports.clock.pause(Math.min(leftMs, askedMs), signal).catch(() => {
      throw new Stopped();
    });
    const asked = await askedFor(takeover);
    if (asked) return asked;
  }
}
