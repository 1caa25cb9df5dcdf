import type { Finished, Rig } from '../support/rig.ts';
import { type GithubServer, tokenOfJob } from './server.ts';

export interface JobSettings {
  readonly server?: GithubServer;
  readonly runId?: number;
  readonly attempt?: number;
  readonly isFork?: boolean;
  /** `undefined` for a job whose event is about no pull request. */
  readonly pullRequest?: number | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

export interface JobEnd extends Finished {
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** A step of a job on GitHub: the CLI with what the runner puts into its environment, and what it left for the runner. */
export async function step(rig: Rig, args: readonly string[], settings: JobSettings = {}): Promise<JobEnd> {
  const { server, runId = 100, attempt = 1, isFork = false } = settings;
  const number = 'pullRequest' in settings ? settings.pullRequest : 7;
  const repo = { full_name: isFork ? 'someone/models' : 'acme/models' };
  const event = number === undefined ? {} : { number, pull_request: { number, head: { sha: 'c0ffee'.padEnd(40, '0'), repo } } };
  rig.write('.job/event.json', JSON.stringify(event));
  rig.write('.job/output', '');
  rig.write('.job/summary', '');
  const env = {
    GITHUB_ACTIONS: 'true',
    CI: 'true',
    GITHUB_WORKSPACE: rig.root,
    GITHUB_REPOSITORY: 'acme/models',
    GITHUB_SERVER_URL: 'https://github.test',
    GITHUB_RUN_ID: String(runId),
    GITHUB_RUN_ATTEMPT: String(attempt),
    GITHUB_EVENT_PATH: rig.path('.job/event.json'),
    GITHUB_OUTPUT: rig.path('.job/output'),
    GITHUB_STEP_SUMMARY: rig.path('.job/summary'),
    ...(server ? { GITHUB_API_URL: server.url, GITHUB_TOKEN: tokenOfJob } : {}),
    ...settings.env,
  };
  const done = await rig.start(args, { env }).finished;
  return { ...done, outputs: outputsIn(rig.read('.job/output')), summary: rig.read('.job/summary') };
}

/** The file of outputs as the runner reads it: `name<<END`, lines, `END`. */
function outputsIn(text: string): Readonly<Record<string, string>> {
  const outputs: Record<string, string> = {};
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const [, name, end] = /^([^=<]+)<<(.+)$/.exec(lines[at] ?? '') ?? [];
    if (name === undefined || end === undefined) {
      if (lines[at] !== '') throw new Error(`the runner would refuse the output ${JSON.stringify(lines[at])}`);
      continue;
    }
    const last = lines.indexOf(end, at);
    outputs[name] = lines.slice(at + 1, last).join('\n');
    at = last;
  }
  return outputs;
}
