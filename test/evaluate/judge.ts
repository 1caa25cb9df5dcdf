import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MetricCase } from './metric-cases.ts';
import { realPython, scikitLearn } from './python.ts';

/** What scikit-learn says of a case, by the name of the metric; null is NaN. */
export type Answer = Readonly<Record<string, number | null | readonly (number | null)[]>>;

/** Ask the real scikit-learn, all cases in one process. */
export async function askScikitLearn(cases: readonly MetricCase[]): Promise<readonly Answer[]> {
  const folder = await mkdtemp(join(tmpdir(), 'metrics-'));
  try {
    const request = { cases: join(folder, 'cases.json'), answers: join(folder, 'answers.json') };
    await writeFile(request.cases, JSON.stringify(cases));
    await realPython().call({ environment: scikitLearn, script: new URL('./sklearn_judge.py', import.meta.url), request });
    return JSON.parse(await readFile(request.answers, 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
