import { onTestFinished } from 'vitest';
import { adds, answerAt, asking } from '../../support/adder.ts';
import { type Load, loadOn } from '../../support/load.ts';
import { type Finished, makeRig, type Rig, type Running } from '../../support/rig.ts';

/** Where a service of a test runs: how the configuration says it, and where it is asked. */
export interface Ground {
  readonly url: string;
  /** The whole configuration, with more settings of the target, as source. */
  config(settings?: string, strategy?: string): string;
  /** What the service has there now, one name for each thing that serves. Empty: nothing is left. */
  serving(): Promise<readonly string[]>;
  /** Variables that the CLI gets. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A service whose model adds a number, released by the real CLI, and taken down when the test ends. */
export interface Adder extends Rig {
  readonly ground: Ground;
  /** The next `run` will release a model that adds this. */
  model(add: number): void;
  answer(): Promise<number>;
  /** Until it is told to stop: requests whose answers have to be those of a model that was named. */
  load(isOne: (added: number) => boolean, requestsPerSecond?: number): Load;
  begin(...args: string[]): Running;
}

export function adder(ground: Ground): Adder {
  const rig = makeRig({ 'model.onnx': adds(1), 'deploy.config.ts': ground.config() });
  const begin = (...args: string[]): Running => rig.start(args, { env: ground.env ?? {} });
  onTestFinished(async () => void (await begin('down').finished));
  return {
    ...rig,
    ground,
    begin,
    run: (...args) => begin(...args).finished,
    model: (add) => rig.write('model.onnx', adds(add)),
    answer: () => answerAt(ground.url),
    load: (isOne, requestsPerSecond = 50) => loadOn(ground.url, { ...asking(isOne), requestsPerSecond }),
  };
}

/** Runs and does something a while after the release was written down as intended, which is when the world begins to change. */
export async function runUntil(service: Adder, afterMs: number, act: (running: Running) => void | Promise<void>): Promise<Finished> {
  const running = service.begin('run', '--json');
  const intended = running.says('"type":"release-intended"').then(
    () => true,
    () => false,
  );
  if (await intended) {
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await act(running);
  }
  return running.finished;
}

/** How long it takes from the intention to the release, undisturbed, from the times of the events. */
export function tookMs(run: Finished): number {
  const at = (type: string): number => {
    const line = run.stdout.split('\n').find((each) => each.includes(`"type":"${type}"`)) ?? '{}';
    return Date.parse((JSON.parse(line) as { readonly at: string }).at);
  };
  return at('released') - at('release-intended');
}

/** Releases one model after the other, kills the CLI at another moment of each, and has the next run finish it. */
export async function releaseWithKills(
  service: Adder,
  moments: number,
): Promise<{ readonly lost: readonly string[]; readonly killed: number }> {
  const first = await service.begin('run', '--json').finished;
  if (first.code !== 0) throw new Error(`the first release ended with ${first.code}\n${first.stderr}`);
  let model = 1;
  const load = service.load((added) => added === model || added === model - 1);
  service.model(++model);
  const wholeMs = tookMs(await service.begin('run', '--json').finished);
  let killed = 0;
  for (let moment = 0; moment < moments; moment++) {
    await load.answered(5);
    service.model(++model);
    const end = await runUntil(service, (wholeMs * 1.1 * moment) / moments, ({ child }) => void child.kill('SIGKILL'));
    if (end.signal === 'SIGKILL') killed++;
    const next = await service.run('run');
    if (next.code !== 0)
      throw new Error(`after the kill at moment ${moment} the run ended with ${next.code}\n${next.stdout}${next.stderr}`);
    const answer = await service.answer();
    if (answer !== model) throw new Error(`after the kill at moment ${moment} the service adds ${answer}, not ${model}`);
  }
  await load.answered(20);
  const { lost } = await load.stop();
  return { lost, killed };
}
