import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { reportMarker, reportPage } from '../../report/page/page.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { failure } from '../../spec/diagnostic.ts';
import { chosenRun, recordOf } from '../run-record.ts';
import { openWorkspace, type Where } from '../workspace.ts';

export interface ReportOptions extends Where {
  /** The file to write; `-` is stdout. */
  readonly out: string;
  /** An id of a run or its number; the last one by default. */
  readonly run: string | undefined;
}

/** `modelflow report`: a run as one page that needs nothing else. Says on stdout which file it wrote. */
export async function reportCommand(options: ReportOptions): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  const run = chosenRun(workspace.store, options.run);
  const page = await reportPage(await recordOf(workspace, run, new Date()));
  if (options.out === '-') {
    process.stdout.write(page);
    return 0;
  }
  const path = resolve(options.cwd, options.out);
  const name = relative(options.cwd, path) || path;
  try {
    if (isSomethingElse(path))
      throw failure('MF1221', `${name} is there already and is no report`, { hint: 'Name another file with --out.' });
    writeFileSync(path, page);
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      throw failure('MF1221', `${name} cannot be written: ${error.message}`, { hint: 'Name another file with --out.', cause: error });
    throw error;
  }
  console.error(`the report of run ${run}:`);
  console.log(path);
  return 0;
}

/** Only what we wrote ourselves is replaced. An empty file is nobody's work. */
function isSomethingElse(path: string): boolean {
  const start = Buffer.alloc(reportMarker.length);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
  try {
    const length = readSync(file, start);
    return length > 0 && start.toString('utf8', 0, length) !== reportMarker;
  } finally {
    closeSync(file);
  }
}
