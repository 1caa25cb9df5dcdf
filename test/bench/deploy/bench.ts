// How long is it from a new model to its answers? `npm run bench:deploy [-- --rounds 5 --places local,docker,kubernetes]`, after `npm run build`.
// Each round releases one model with `modelflow run`, under load, and the same model with the place's own tools by hand, one after the other, so
// that a busy machine shows in both. A request that is lost, or answered by a model that is neither the old nor the new one, is counted.
import { rmSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { adds, answerAt, asking } from '../../support/adder.ts';
import { testCluster, testDocker } from '../../support/engines.ts';
import { loadOn } from '../../support/load.ts';
import { dockerPlace, folderOf, kubernetesPlace, localPlace, modelflow, type Place } from './places.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, places: { type: 'string', default: 'local,docker,kubernetes' } },
});
const rounds = Number(values.rounds);
/** Others than the last time: what is the same is in the engine and on the node already. Whole numbers that a float32 holds. */
const firstModel = (Math.floor(Date.now() / 1000) % 100_000) * 100;

async function timeMs(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

async function measure(place: Place): Promise<void> {
  const folder = folderOf(place, firstModel);
  const times = { ours: [] as number[], answered: [] as number[], hand: [] as number[] };
  const travelled: Readonly<Record<string, number>>[] = [];
  try {
    const firstMs = await timeMs(() => modelflow(folder, place.env, 'run'));
    await place.prepare(folder);
    const url: string = JSON.parse(await modelflow(folder, place.env, 'status', '--json')).services[0].live.url;
    let [add, answeredAt] = [firstModel, 0];
    const isOne = (added: number): boolean => {
      if (added === add && answeredAt === 0) answeredAt = performance.now();
      return added === add || added === add - 1;
    };
    const load = loadOn(url, { ...asking(isOne), requestsPerSecond: 100 });
    place.travelled();
    for (let round = 0; round < rounds; round++) {
      await load.answered(20);
      add++;
      writeFileSync(join(folder, 'model.onnx'), adds(add));
      const began = performance.now();
      answeredAt = 0;
      times.ours.push(await timeMs(() => modelflow(folder, place.env, 'run')));
      if ((await answerAt(url)) !== add) throw new Error(`${place.name}: the run ended before the new model answered`);
      times.answered.push(answeredAt - began);
      travelled.push(place.travelled());
      times.hand.push(await timeMs(() => place.byHand(add)));
      place.travelled();
    }
    const { sent, lost } = await load.stop();
    console.log(`\n${place.name} (median of ${rounds}, load ${loadavg()[0]?.toFixed(1)}; the first release took ${firstMs.toFixed(0)} ms)`);
    console.log(`  modelflow run                    ${median(times.ours).toFixed(0).padStart(7)} ms`);
    console.log(`  by hand                          ${median(times.hand).toFixed(0).padStart(7)} ms   ${place.hand}`);
    console.log(
      `  modelflow run, to first answer   ${median(times.answered).toFixed(0).padStart(7)} ms   what follows is that the release before is drained`,
    );
    console.log(`  first answer to by hand          ${(median(times.answered) / median(times.hand)).toFixed(2).padStart(7)} ×`);
    console.log(`  requests lost                    ${String(lost.length).padStart(7)} of ${sent} during ${rounds} releases`);
    for (const line of lost.slice(0, 5)) console.log(`    ${line}`);
    for (const name of Object.keys(travelled[0] ?? {}))
      console.log(
        `  bytes ${name.padEnd(26)} ${median(travelled.map((each) => each[name] ?? 0))
          .toLocaleString('en')
          .padStart(7)} a release`,
      );
  } finally {
    await modelflow(folder, place.env, 'down').catch((error: Error) => console.error(error.message));
    await place.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

const engine = testDocker();
const cluster = testCluster();
for (const name of values.places.split(',')) {
  if (name === 'local') await measure(await localPlace());
  else if (engine === undefined || (name === 'kubernetes' && cluster === undefined))
    console.log(`\n${name}: not there; npm run test:infra`);
  else if (name === 'docker') await measure(await dockerPlace(engine));
  else if (cluster !== undefined) await measure(await kubernetesPlace(cluster, engine));
}
process.exit();
