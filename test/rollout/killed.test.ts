import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { NewEvent, RunEvent } from '../../core/spec/event.ts';
import type { Rig } from '../support/rig.ts';
import { calls, canaryOf, configOf, servingRig, shares } from './scripted.ts';

type Kind = NewEvent['type'];

/** Runs, and kills the run as soon as an event of this kind is written for the `nth` time; answers whether it came to that. */
async function killAt(rig: Rig, kind: Kind, nth: number): Promise<boolean> {
  const run = rig.start(['run', '--json']);
  let seen = 0;
  run.child.stdout?.on('data', (piece: string) => {
    seen += piece.split(`"type":"${kind}"`).length - 1;
    if (seen >= nth) run.child.kill('SIGKILL');
  });
  return (await run.finished).signal === 'SIGKILL';
}

function journal(rig: Rig): readonly RunEvent[] {
  const runs = rig.path('.modelflow/runs/own/dev');
  return readdirSync(runs)
    .sort()
    .flatMap((run) =>
      rig
        .read(`.modelflow/runs/own/dev/${run}/journal.ndjson`)
        .split('\n')
        .flatMap((line) => {
          try {
            return [JSON.parse(line.slice(17)) as RunEvent];
          } catch {
            // Killed while it was written.
            return [];
          }
        }),
    );
}

/** What was applied. A step whose apply may have been broken off is asked for once more, which changes nothing. */
function changes(rig: Rig): readonly string[] {
  return calls(rig).filter((call, at, all) => call !== all[at - 1]);
}

/** The evidence of each step, look by look. */
function answers(rig: Rig): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, number[]>();
  for (const event of journal(rig))
    if (event.type === 'rollout-judged') found.set(event.step, [...(found.get(event.step) ?? []), event.phase.candidate.requests]);
  return found;
}

/** A run each: what it is killed at. The run after the last one comes to the end. */
const moments: readonly (readonly [readonly (readonly [Kind, number])[]])[] = [
  [
    [
      ['release-intended', 1],
      ['rollout-judged', 1],
      ['rollout-judged', 2],
    ],
  ],
  [
    [
      ['rollout-began', 1],
      ['rollout-judged', 3],
      ['rollout-ended', 1],
    ],
  ],
  [
    [
      ['rollout-step', 1],
      ['rollout-judged', 1],
      ['rollout-judged', 1],
      ['released', 1],
    ],
  ],
  [
    [
      ['rollout-judged', 2],
      ['rollout-step', 1],
      ['node-finished', 1],
    ],
  ],
];

describe('a run that is killed in the middle of a rollout', () => {
  it.each(moments)('is gone on with by the next, at the same step, with all that was counted: %j', async (kills) => {
    const rig = await servingRig({ perLook: 100 });
    rig.write('deploy.config.ts', configOf('two', canaryOf('[25, 50]', '{ intervalMs: 300, minRequests: 20, maxWaitMs: 60_000 }')));
    let killed = 0;
    for (const [kind, nth] of kills) if (await killAt(rig, kind, nth)) killed++;
    // What comes last may be over before the signal arrives.
    expect(killed).toBeGreaterThanOrEqual(kills.length - 1);
    expect((await rig.run('run')).code).toBe(0);
    expect(shares(rig)).toBe('two=100');
    expect(changes(rig)).toEqual(['one=100', 'one=75 two=25', 'one=50 two=50', 'one=0 two=100', 'two=100']);
    const events = journal(rig);
    expect(events.filter(({ type }) => type === 'rollout-began')).toHaveLength(1);
    expect(events.filter((event) => event.type === 'released')).toHaveLength(2);
    for (const [, counts] of answers(rig)) expect(counts).toEqual(counts.toSorted((one, other) => one - other));
    // Every look but the first of a step saw a hundred more requests, also where another process had looked before.
    const first = answers(rig).get(0) ?? [];
    expect(new Set(first.slice(1).map((count, at) => count - (first[at] ?? 0)))).toEqual(new Set([25]));
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
  });

  it('while it takes a bad release back leaves the next to finish that', async () => {
    for (const kind of ['rollout-judged', 'release-refused', 'rolled-back', 'rollout-ended'] as const) {
      const rig = await servingRig({ two: { fails: 0.3 } });
      rig.write('deploy.config.ts', configOf('two', canaryOf('[50]')));
      await killAt(rig, kind, 1);
      for (let run = 0; run < 2; run++) expect((await rig.run('run')).code).toBe(4);
      expect(shares(rig)).toBe('one=100');
      expect(changes(rig)).toEqual(['one=100', 'one=50 two=50', 'one=100']);
    }
  });

  it('and whose configuration then wants another release gives the candidate up', async () => {
    const rig = await servingRig({ perLook: 100 });
    rig.write('deploy.config.ts', configOf('two', canaryOf('[25]')));
    expect(await killAt(rig, 'rollout-judged', 1)).toBe(true);
    rig.write('deploy.config.ts', configOf('three', canaryOf('[25]')));
    expect((await rig.run('run')).code).toBe(0);
    expect(changes(rig)).toEqual(['one=100', 'one=75 two=25', 'one=75 three=25', 'one=0 three=100', 'three=100']);
    expect(journal(rig).some((event) => event.type === 'rollout-ended' && event.outcome === 'given-up')).toBe(true);
  });

  it('is finished or undone by hand as well', async () => {
    const rig = await servingRig({ perLook: 100 });
    rig.write('deploy.config.ts', configOf('two', canaryOf('[25]')));
    expect(await killAt(rig, 'rollout-judged', 1)).toBe(true);
    expect((await rig.run('abort')).code).toBe(0);
    expect(shares(rig)).toBe('one=100');
  });
});
