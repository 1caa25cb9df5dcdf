import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../core/spec/event.ts';
import { realDisk } from '../../core/store/disk.ts';
import { runsFolder } from '../../core/store/journal.ts';
import { ownStages } from '../support/own-stages.ts';
import { filesBelow, type Rig } from '../support/rig.ts';
import { expectDense, finishedIn, startedIn } from './invariants.ts';
import { processesIn, untilNone } from './processes.ts';
import { randomFrom, seedOf } from './random.ts';

const seed = seedOf('FAULT_SEED');
const wantedKills = Number(process.env['FAULT_KILLS'] ?? 40);

/** A program, JavaScript of the user's, an edge between them, and a target that counts how often somebody changed it, in the one file that it swaps. */
const build = `
  const place = defineTarget({ name: 'place', version: 1, settings: {}, runs: [Anything],
    check: async () => [], probe: async () => ({ ok: true as const }), remove: async () => undefined,
    read: async (ctx, service) => existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')).live : { service, url: undefined, revisions: [], token: '', settings: {} },
    apply: async (ctx, want) => {
      const there = existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : { applied: [] };
      if (there.live?.revisions[0].stamp === want.revisions[0]?.stamp) return there.live;
      const { applied } = there;
      const live = { service: want.service, url: 'http://there', revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: {} };
      const { text } = (want.revisions[0]?.what as any).facts;
      writeFileSync('live.new', JSON.stringify({ live, applied: [...applied, text] }));
      (await import('node:fs')).renameSync('live.new', 'live.json');
      return live as any;
    } });
  const words = stage('words', async ({ out, options, process }) => {
    const text = readFileSync(options.from.path, 'utf8');
    await process.run({ command: 'sh', args: ['-c', 'for word in $0; do echo $word >> "$1/text.txt"; done; (sleep 5; echo late >> "$1/text.txt") &', text, out] });
    return { text };
  }, { options: { from: file() } });
  const twice = stage('twice', async ({ inputs, out }) => {
    const text = readFileSync(join(inputs.what.path, 'text.txt'), 'utf8');
    writeFileSync(join(out, 'text.txt'), text);
    await pause(20);
    appendFileSync(join(out, 'text.txt'), text);
    return { text: inputs.what.facts.text };
  }, { inputs: { what: Anything } });
  const put = stage('put', async ({ live, out }) => { writeFileSync(join(out, 'url.txt'), live.url); return { url: live.url }; },
    { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
  const said = words({ from: './a.txt' });
  const doubled = twice({ what: said });
  return { said, doubled, live: put({ what: doubled, target: (place as any)() }) };`;

function journalsOf(rig: Rig): readonly (readonly RunEvent[])[] {
  const runs = runsFolder(rig.path('.modelflow/runs/own/dev'), realDisk());
  return runs.ids().map((run) => runs.events(run));
}

/** Everything that was killed since the last check is over now, and one run has come to its end. */
async function expectWhole(rig: Rig, round: number, when: string): Promise<void> {
  const run = await rig.run('run');
  expect(run.code, `${when}\n${run.stderr}`).toBe(0);
  await untilNone(() => processesIn(rig.root));
  const text = `round ${round}`;
  const made = filesBelow(rig.path('.modelflow/artifacts')).filter((path) => path.endsWith('text.txt'));
  const texts = made.map((path) => readFileSync(rig.path(`.modelflow/artifacts/${path}`), 'utf8'));
  const once = (of: number): string => `round\n${of}\n`;
  const rounds = Array.from({ length: round }, (_, at) => at + 1);
  expect([...texts].sort(), when).toEqual(rounds.flatMap((of) => [once(of), once(of).repeat(2)]).sort());
  expect(JSON.parse(rig.read('live.json')).applied, `${when}: each release is applied once`).toEqual(rounds.map((of) => `round ${of}`));
  expect(rig.read('live.json'), when).toContain(text);
  const finished = new Set<string>();
  for (const events of journalsOf(rig)) {
    expectDense(events, when);
    expect(
      startedIn(events).filter((fingerprint) => finished.has(fingerprint)),
      `${when}: nothing that was finished runs again`,
    ).toEqual([]);
    for (const fingerprint of finishedIn(events)) finished.add(fingerprint);
  }
  expect(filesBelow(rig.path('.modelflow/work')), when).toEqual([]);
}

describe('the command line, killed at random moments', () => {
  it('goes on each time from what was finished, and in the end has made and released everything once', { timeout: 3_600_000 }, async () => {
    const random = randomFrom(seed);
    const rig = ownStages(build);
    let kills = 0;
    let tries = 0;
    let round = 0;
    let lastMs = 1_000;
    while (kills < wantedKills) {
      round++;
      rig.write('a.txt', `round ${round}`);
      // Several in a row, so that a run is killed which clears up after one that was killed.
      for (let row = 1 + Math.floor(random() * 8); row > 0; row--) {
        tries++;
        const began = Date.now();
        const run = rig.start(['run']);
        const timer = setTimeout(() => run.child.kill('SIGKILL'), random() * lastMs);
        const end = await run.finished;
        clearTimeout(timer);
        if (end.signal === 'SIGKILL') kills++;
        else {
          expect(end.code, `round ${round}, FAULT_SEED=${seed}\n${end.stderr}`).toBe(0);
          lastMs = Math.max(200, Date.now() - began);
          break;
        }
      }
      await expectWhole(rig, round, `round ${round}, ${kills} kills, FAULT_SEED=${seed}`);
    }
    expect((await rig.run('cache', 'verify')).stdout).toMatch(/, 0 damaged|\d+ whole/);
    console.log(`soak: ${kills} kills in ${tries} runs, ${round} releases, FAULT_SEED=${seed}`);
  });
});
