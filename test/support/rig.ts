import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The built CLI: what users run. */
export const cliPath = fileURLToPath(new URL('../../dist/core/cli/bin.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves when a line of stderr or stdout holds the text; rejects when the process ends without. */
  says(text: string): Promise<void>;
}

/** A folder of the test's own with a configuration in it, and the real CLI run there. Everything goes when the test ends. */
export interface Rig {
  readonly root: string;
  path(name: string): string;
  write(name: string, content: string | Uint8Array): void;
  read(name: string): string;
  exists(name: string): boolean;
  run(...args: string[]): Promise<Finished>;
  start(
    args: readonly string[],
    more?: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string; readonly node?: string },
  ): Running;
  /** Lines that stages of the test wrote with `note` (see `stagesModule`), over all runs. */
  notes(): readonly string[];
}

export function makeRig(files: Readonly<Record<string, string | Uint8Array>> = {}): Rig {
  const root = mkdtempSync(join(tmpdir(), 'modelflow-test-'));
  const rig = rigIn(root);
  onTestFinished(async () => {
    // Services of a test must not outlive it.
    if (existsSync(join(root, '.modelflow', 'services'))) await rig.run('down');
    rmSync(root, { recursive: true, force: true });
  });
  for (const [name, content] of Object.entries(files)) rig.write(name, content);
  return rig;
}

export function rigIn(root: string): Rig {
  const path = (name: string): string => join(root, name);
  const start: Rig['start'] = (args, more = {}) => {
    const env = { ...cleanEnv(), MODELFLOW_TEST_NOTES: path('notes.txt'), ...more.env };
    const child = spawn(more.node ?? process.execPath, [cliPath, ...args], {
      cwd: more.cwd ?? root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return follow(child);
  };
  return {
    root,
    path,
    write(name, content) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
    },
    read: (name) => readFileSync(path(name), 'utf8'),
    exists: (name) => existsSync(path(name)),
    run: (...args) => start(args).finished,
    start,
    notes: () => (existsSync(path('notes.txt')) ? readFileSync(path('notes.txt'), 'utf8').trim().split('\n') : []),
  };
}

/** What the tests' own surroundings must not decide: CI, colours, npm's variables, another store. */
function cleanEnv(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(CI|GITHUB_.*|npm_.*|FORCE_COLOR|NO_COLOR|MODELFLOW_(STORE|TEST.*)|VITEST.*|NODE_OPTIONS)$/.test(name),
  );
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function follow(child: ChildProcess): Running {
  const text = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (piece: string) => {
      text[stream] += piece;
      for (const look of waiting) look();
    });
  }
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
  return {
    child,
    finished,
    says: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!`${text.stdout}\n${text.stderr}`.includes(wanted)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        finished.then(
          (end) => reject(new Error(`ended (${end.code}) without saying ${JSON.stringify(wanted)}:\n${end.stdout}\n${end.stderr}`)),
          reject,
        );
      }),
  };
}

/** Every file below a folder, by relative path. */
export function filesBelow(root: string): readonly string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name).slice(root.length + 1)] : []))
    .sort();
}

/** A user's module with small stages: each notes that it ran, so that a test can count. */
export const stagesModule = `
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { defineArtifact, defineStage, file, many, optional, z } from 'modelflow';

export const Text = defineArtifact('text', z.object({ length: z.number(), score: z.number() }), [{ fact: 'length', label: 'length', unit: 'count' }]);
const note = (line: string): void => appendFileSync(process.env.MODELFLOW_TEST_NOTES ?? '', line + '\\n');
const facts = (text: string) => ({ length: text.length, score: text.length / 10 });

export const source = defineStage({
  name: 'source', version: 1, inputs: {}, options: { path: file() }, output: Text,
  async run({ options, out }) {
    const text = readFileSync(options.path.path, 'utf8').trim();
    note('source ' + text);
    writeFileSync(join(out, 'text.txt'), text);
    return facts(text);
  },
});

export const upper = defineStage({
  name: 'upper', version: 1, inputs: { text: Text, extra: optional(Text) }, options: { suffix: z.string().default(''), waitFor: z.string().optional(), fail: z.boolean().default(false) }, output: Text,
  async run({ inputs, options, out, log, signal }) {
    const text = readFileSync(join(inputs.text.path, 'text.txt'), 'utf8').toUpperCase() + options.suffix;
    note('upper ' + text);
    log.info('upper says ' + text);
    writeFileSync(join(out, 'text.txt'), 'half');
    while (options.waitFor !== undefined && !existsSync(options.waitFor)) await pause(5, undefined, { signal });
    if (options.fail) throw new Error('told to fail');
    writeFileSync(join(out, 'text.txt'), text);
    return facts(text);
  },
});

export const first = defineStage({
  name: 'first', version: 1, inputs: { text: Text }, options: {}, output: Text,
  async run({ inputs, out }) {
    const text = readFileSync(join(inputs.text.path, 'text.txt'), 'utf8').slice(0, 1);
    note('first ' + text);
    writeFileSync(join(out, 'text.txt'), text);
    return facts(text);
  },
});

export const join_ = defineStage({
  name: 'join', version: 1, inputs: { texts: many(Text) }, options: {}, output: Text,
  async run({ inputs, out }) {
    const text = inputs.texts.map((each) => readFileSync(join(each.path, 'text.txt'), 'utf8')).join('+');
    note('join ' + text);
    writeFileSync(join(out, 'text.txt'), text);
    return facts(text);
  },
});
`;
