import { constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises';
import { basename, extname, join, relative } from 'node:path';
import type { ExitCode } from '../../spec/codes.ts';
import { failure } from '../../spec/diagnostic.ts';
import { isUsableName } from '../../spec/pipeline.ts';
import { packageRoot } from '../package-root.ts';

export type Template = 'keras' | 'onnx';

export interface Initialised {
  /** Files that were written, relative to the folder; a `.gitignore` that was there already has a line more. */
  readonly written: readonly string[];
  /** The model that the configuration names, relative to the folder. */
  readonly model: string;
  readonly from: 'found' | 'first-of-several' | 'sample' | 'to-be-filled-in';
}

export interface InitOptions {
  readonly cwd: string;
  readonly template: Template | undefined;
  readonly ci: 'github' | undefined;
}

/** `modelflow init`: says what was written, and what to do next. With `ci` a configuration that is there already stays. */
export async function initCommand(given: InitOptions): Promise<ExitCode> {
  if (given.ci === undefined) return initConfig(given);
  const { workflowFile, writeWorkflow } = await import('./init-ci.ts');
  // Nothing is written when one of the two is in the way.
  workflowFile(given.cwd);
  if (!readdirSync(given.cwd).some((name) => configNames.includes(name))) await initConfig(given);
  const { file, profile, branch } = await writeWorkflow(given.cwd);
  console.log(`wrote ${relative(given.cwd, file)}`);
  console.log(
    `A pull request shows the plan, a push to ${branch} carries it out with the profile ${profile}, and every night drift is looked for.`,
  );
  console.log(`Next: commit it, and say in the settings of the environment \`${profile}\` who has to approve a deployment.`);
  return 0;
}

async function initConfig(given: InitOptions): Promise<ExitCode> {
  const { written, model, from } = await init({ folder: given.cwd, ...(given.template ? { template: given.template } : {}) });
  console.log(`wrote ${written.join(', ')}`);
  const about = {
    found: `It takes ${model}.`,
    'first-of-several': `There are several models here, and it takes the first, ${model}; change that when you mean another.`,
    sample: `There was no model here, so it takes a small sample, ${model}; put your own in its place.`,
    'to-be-filled-in': `It names ${model}: change that to your model.`,
  }[from];
  console.log(`${about}\nNext: \`modelflow plan\` shows what would happen, \`modelflow run\` does it.`);
  return 0;
}

const configNames = ['deploy.config.ts', 'deploy.config.mts', 'deploy.config.js', 'deploy.config.mjs'];

/**
 * Writes a `deploy.config.ts` to start from, for the one model in the folder when there is one. Where there is none and no template is
 * asked for, a small sample model and its data come with it, so that `modelflow run` works at once. MF1205 rather than overwrite a file.
 */
export async function init(given: { readonly folder: string; readonly template?: Template }): Promise<Initialised> {
  const { folder, template } = given;
  const there = readdirSync(folder);
  refuse(
    folder,
    there.filter((name) => configNames.includes(name)),
  );
  const start = chooseStart(folder, there, template);
  refuse(
    folder,
    start.files.filter((name) => there.includes(name)),
  );
  const templates = join(packageRoot(), 'templates', 'init', start.template);
  for (const name of start.files) await copyFile(join(templates, name), join(folder, name), constants.COPYFILE_EXCL);
  const text = readFileSync(join(templates, 'deploy.config.ts.template'), 'utf8');
  const name = usableName(basename(start.model, extname(start.model)));
  const filled = fillIn(text, { stage: start.stage, name: quote(name), service: quote(name), path: quote(start.model) });
  await writeFile(join(folder, 'deploy.config.ts'), filled, { flag: 'wx' });
  const ignored = await ignoreStore(folder);
  return { written: ['deploy.config.ts', ...start.files, ...(ignored ? ['.gitignore'] : [])], model: start.model, from: start.from };
}

interface Start {
  readonly template: Template | 'sample';
  readonly stage: 'onnxModel' | 'kerasModel' | 'savedModel';
  readonly model: string;
  readonly files: readonly string[];
  readonly from: Initialised['from'];
}

function chooseStart(folder: string, there: readonly string[], template: Template | undefined): Start {
  const models = there
    .flatMap((name) => asModel(folder, name) ?? [])
    .filter((found) => template === undefined || found.template === template);
  const [only, ...others] = models;
  if (only && others.length === 0) return only;
  if (only) {
    // With several there is no telling which is meant; the first in the order of the alphabet is named, to be changed.
    const [first = only] = [...models].sort((a, b) => (a.model < b.model ? -1 : 1));
    return { ...first, from: 'first-of-several' };
  }
  if (template === 'keras') return { template, stage: 'kerasModel', model: 'model.keras', files: [], from: 'to-be-filled-in' };
  if (template === 'onnx') return { template, stage: 'onnxModel', model: 'model.onnx', files: [], from: 'to-be-filled-in' };
  return { template: 'sample', stage: 'onnxModel', model: 'iris.onnx', files: ['iris.onnx', 'iris.csv'], from: 'sample' };
}

function asModel(folder: string, name: string): Start | undefined {
  const found = { model: name, files: [], from: 'found' } as const;
  if (name.endsWith('.onnx')) return { ...found, template: 'onnx', stage: 'onnxModel' };
  if (/\.(keras|h5)$/.test(name)) return { ...found, template: 'keras', stage: 'kerasModel' };
  const isSavedModel = statSync(join(folder, name, 'saved_model.pb'), { throwIfNoEntry: false })?.isFile() ?? false;
  return isSavedModel ? { ...found, template: 'keras', stage: 'savedModel' } : undefined;
}

function refuse(folder: string, names: readonly string[]): void {
  const [first] = names;
  if (first === undefined) return;
  throw failure('MF1205', `${join(folder, first)} already exists`, {
    hint: 'Nothing was written. Move it away, or go to another folder.',
  });
}

function fillIn(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, key: string) => values[key] ?? '');
}

function usableName(stem: string): string {
  const name = stem
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 63);
  return isUsableName(name) ? name : 'model';
}

/** A string of TypeScript, in single quotes. */
function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`;
}

/** Whether a line was added: the store holds what can be made again, and belongs into no repository. */
async function ignoreStore(folder: string): Promise<boolean> {
  const file = join(folder, '.gitignore');
  const before = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (before.split(/\r?\n/).some((line) => /^\/?\.modelflow\/?$/.test(line.trim()))) return false;
  await appendFile(file, `${before === '' || before.endsWith('\n') ? '' : '\n'}.modelflow/\n`);
  return true;
}
