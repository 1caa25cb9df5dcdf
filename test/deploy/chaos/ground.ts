import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { adds, answerAt, asking } from '../../support/adder.ts';
import { type Load, loadOn, type Tally } from '../../support/load.ts';
import { type Finished, makeRig, type Rig, type Running } from '../../support/rig.ts';
import type { Road } from '../../support/road.ts';

/** Where a service of a test runs. */
export interface Ground {
  /** The whole configuration, with more settings of the target, as source. */
  config(settings?: string): string;
  /** Names of what runs there for the service: servers, and what stands before them. */
  running(): Promise<readonly string[]>;
  /** Variables that the CLI gets. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A service whose model adds a number, released by the real CLI, and taken down when the test ends. */
export interface Adder extends Rig {
  readonly ground: Ground;
  /** The next `run` will release a model that adds this. */
  model(add: number): void;
  begin(...args: string[]): Running;
  /** A run that has to end well. */
  release(): Promise<Finished>;
  url(): Promise<string>;
  answer(): Promise<number>;
  /** Requests, until told to stop, whose answers have to be those of a model that this holds for. */
  load(isOne: (added: number) => boolean): Promise<Load>;
}

export function adder(ground: Ground, settings = ''): Adder {
  const rig = makeRig({ 'model.onnx': adds(1), 'deploy.config.ts': ground.config(settings) });
  const begin = (...args: string[]): Running => rig.start(args, { env: ground.env ?? {} });
  const run = (...args: string[]): Promise<Finished> => begin(...args).finished;
  const url = async (): Promise<string> => JSON.parse((await run('status', '--json')).stdout).services[0].live.url;
  onTestFinished(async () => void (await run('down')));
  return {
    ...rig,
    ground,
    begin,
    run,
    url,
    model: (add) => rig.write('model.onnx', adds(add)),
    async release() {
      const end = await run('run', '--json');
      if (end.code !== 0) throw new Error(`the run ended with ${end.code}\n${end.stdout}\n${end.stderr}`);
      return end;
    },
    answer: async () => answerAt(await url()),
    load: async (isOne) => loadOn(await url(), { ...asking(isOne), requestsPerSecond: 50 }),
  };
}

/** Runs, and acts so long after the release was written down as intended: from then on the world changes. */
async function actWhileReleasing(service: Adder, afterMs: number, act: (running: Running) => unknown): Promise<Finished> {
  const running = service.begin('run', '--json');
  await running.says('"type":"release-intended"');
  await pause(afterMs);
  await act(running);
  return running.finished;
}

/** From the intention to the release, by the times of the events. */
function tookMs({ stdout }: Finished): number {
  const at = (type: string): number => {
    const line = stdout.split('\n').find((each) => each.includes(`"type":"${type}"`)) ?? '{}';
    return Date.parse((JSON.parse(line) as { readonly at: string }).at);
  };
  return at('released') - at('release-intended');
}

export interface Trouble {
  /** What goes wrong. */
  readonly act: (running: Running) => unknown;
  /** How it is put right again, before the next run. */
  readonly mend?: () => unknown;
}

/**
 * Releases one model after the other under load, each disturbed at a later moment, and each finished by the run that follows. Tells what became
 * of the requests, and how the disturbed runs ended.
 */
export async function releaseInTrouble(
  service: Adder,
  moments: number,
  trouble: Trouble,
): Promise<{ readonly tally: Tally; readonly ends: readonly Finished[] }> {
  await service.release();
  const still = (await service.ground.running()).length;
  let model = 1;
  const load = await service.load((added) => added === model || added === model - 1);
  service.model(++model);
  const wholeMs = tookMs(await service.release());
  const ends: Finished[] = [];
  for (let moment = 0; moment < moments; moment++) {
    await load.answered(5);
    service.model(++model);
    ends.push(await actWhileReleasing(service, (wholeMs * moment) / moments, trouble.act));
    await trouble.mend?.();
    await service.release();
    const [answer, running] = [await service.answer(), await service.ground.running()];
    if (answer !== model || running.length !== still)
      throw new Error(
        `after trouble at moment ${moment} of ${wholeMs} ms it adds ${answer}, not ${model}; there run ${running.join(', ')}`,
      );
  }
  await load.answered(20);
  return { tally: await load.stop(), ends };
}

export const killed: Trouble = { act: ({ child }) => child.kill('SIGKILL') };

export function cutOff(road: Road): Trouble {
  return { act: () => road.cut(), mend: () => road.open() };
}
