// Real releases on the local target, under a hundred requests a second: how often is a bad one stopped, after how many requests, and a good one not?
// `node test/bench/canary/real.ts [RELEASES]` (5 a case); `npm run build` first.
import { type Behaviour, openService, type Released } from '../../rollout/real-release.ts';

const releases = Number(process.argv[2] ?? 5);
const strategy =
  'canary({ steps: [20, 50], mirror: 20, analysis: { intervalMs: 500, maxWaitMs: 120_000, latency: { ignoreBelowMs: 5 } } })';
const cases: readonly Behaviour[] = ['the same again', 'wrong weights', 'slow', 'fails 2 %'];

const middle = (values: readonly number[]): number => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
console.log(
  '| release | promoted | stopped | paused | answers of the candidate (median, most) | copies (median) | seconds (median) | lost of sent |',
);
console.log('|---|---|---|---|---|---|---|---|');
for (const behaviour of cases) {
  const ends: Released[] = [];
  for (let release = 0; release < releases; release++) {
    // A service of its own: what served before must be the good one again.
    const service = await openService(strategy);
    try {
      ends.push(await service.release(behaviour));
    } finally {
      await service.close();
    }
  }
  const times = (outcome: Released['outcome']): number => ends.filter((end) => end.outcome === outcome).length;
  for (const { outcome, said } of ends) if (outcome === 'failed') console.error(said);
  const answers = ends.map((end) => end.answers);
  const lost = ends.reduce((sum, end) => sum + end.lost.length, 0);
  const sent = ends.reduce((sum, end) => sum + end.sent, 0);
  console.log(
    `| ${behaviour} | ${times('promoted')} | ${times('stopped')} | ${times('paused')} | ${middle(answers)}, ${Math.max(...answers)} | ${middle(ends.map((end) => end.copies))} | ${middle(ends.map((end) => end.seconds)).toFixed(0)} | ${lost} of ${sent} |`,
  );
}
