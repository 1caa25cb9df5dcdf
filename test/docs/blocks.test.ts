import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../package/installed.ts';
import { testDocker } from '../support/engines.ts';
import { type Block, type Page, readPage } from './page.ts';
import { mermaidProblems, missingPaths, unknownCommands } from './read-only.ts';
import { beginSession, type Session, sameOutput } from './session.ts';
import { typeErrors } from './types.ts';

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
const below = (folder: string, name: RegExp): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => name.test(path) && !path.includes('node_modules'))
    .map((path) => `${folder}/${path}`)
    .sort();
const pages = ['README.md', ...below('docs', /\.md$/), ...below('examples', /README\.md$/)].map((path) => readPage(root, path));
const store = mkdtempSync(join(tmpdir(), 'modelflow-docs-store-'));
afterAll(() => rmSync(store, { recursive: true, force: true }));

const isConfig = (block: Block): boolean => block.language === 'ts' && block.text.includes('export default definePipeline(');
const isTranscript = (block: Block): boolean => block.language === 'text' && block.text.startsWith('$ ');
/** Text that is no transcript: a picture of folders, whose names must be there. */
const isPicture = (block: Block): boolean => ['text', ''].includes(block.language) && !isTranscript(block);
const isStoreTree = (block: Block): boolean => isPicture(block) && block.text.startsWith('.modelflow/\n');
const nameOf = (block: Block): string => block.file ?? (block.sameAs === undefined ? `block-${block.line}.ts` : basename(block.sameAs));

/** npm scripts set this repository up and run everything: that is what runs this test. They must be there. */
const npmScript = /^npm (?:run (?:--silent )?)?([\w:-]+)\s*(#.*)?$/;
const scripts = Object.keys((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }).scripts);
const isNpm = (block: Block): boolean =>
  block.language === 'sh' &&
  block.text
    .trim()
    .split('\n')
    .every((line) => npmScript.test(line));

describe.each(pages.map((page) => [page.path, page] as const))('%s', (_, page) => {
  it('has blocks of known languages only, each told apart', () => {
    const known = ['ts', 'py', 'sh', 'json', 'yaml', 'text', 'mermaid', ''];
    expect(page.blocks.filter((block) => !known.includes(block.language)).map((block) => `${block.line}: ${block.language}`)).toEqual([]);
  });

  it('names only files that are there, and commands and options that modelflow has', () => {
    expect(missingPaths(root, page.text.replaceAll(/^(<!-- test: .*|.*\bMODELFLOW_\w+=.*)$/gm, ''))).toEqual([]);
    expect(unknownCommands(codeIn(page))).toEqual([]);
    const links = [...page.text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !existsSync(join(root, page.path, '..', link)))).toEqual([]);
  });

  it('has blocks that hold what they say', () => {
    // The generated pages are held equal to the code by a test of their own.
    if (!page.path.startsWith('docs/reference/')) for (const block of page.blocks) checkAtRest(block);
  });
});

function checkAtRest(block: Block): void {
  const place = `line ${block.line}`;
  if (block.sameAs !== undefined) expect(block.text, place).toBe(readFileSync(join(root, block.sameAs), 'utf8'));
  if (block.language === 'json') expect(() => JSON.parse(block.text), place).not.toThrow();
  if (block.language === 'yaml') expect(() => parse(block.text), place).not.toThrow();
  if (block.language === 'mermaid') expect(mermaidProblems(block.text), place).toEqual([]);
  if (block.language === 'py') expect(block.file ?? block.sameAs, `${place}: a script that nothing runs`).toBeDefined();
  if (isPicture(block)) expect(isStoreTree(block) || /\b(core|stages)\/\w/.test(block.text), `${place}: nothing checks it`).toBe(true);
  if (block.onlyRead !== undefined) expect(block.language, `${place}: this can be run`).toBe('yaml');
  if (isNpm(block)) for (const line of block.text.trim().split('\n')) expect(scripts, place).toContain(npmScript.exec(line)?.[1]);
}

it('every block of TypeScript is accepted by the compiler', () => {
  const files = pages.flatMap((page) => {
    const blocks = page.blocks.filter((block) => block.language === 'ts');
    // A page may show a file again, changed: each is checked with the others beside it.
    const last = blocks.findLastIndex.bind(blocks);
    return blocks.map((block, index) => {
      const isLast = last((each) => nameOf(each) === nameOf(block)) === index;
      const name = isLast ? nameOf(block) : `${block.line}-${nameOf(block)}`;
      return [join(root, '.pages', page.path, name), block.text] as const;
    });
  });
  expect(files.length).toBeGreaterThan(5);
  expect(typeErrors(root, Object.fromEntries(files))).toEqual([]);
});

const runnable = (page: Page): readonly Block[] =>
  page.blocks.filter(
    (block) =>
      block.onlyRead === undefined &&
      !isNpm(block) &&
      (['sh', 'py'].includes(block.language) || block.file !== undefined || isConfig(block) || isTranscript(block)),
  );

const isWithoutEngine = (page: Page): boolean => testDocker() === undefined && page.blocks.some(({ text }) => text.includes('docker({'));

describe('what a page says to do can be done, in its order, and prints what it shows', () => {
  it.for(pages.filter((page) => runnable(page).length > 0).map((page) => [page.path, page] as const))('%s', async ([, page], { skip }) => {
    skip(isWithoutEngine(page), 'no Docker engine');
    const session = beginSession(root, store, await freePort());
    try {
      for (const block of page.blocks) {
        for (const what of block.before) await session.prepare(what);
        if (block.onlyRead === undefined && !isNpm(block)) await tryOut(session, block, page.path);
      }
    } finally {
      await session.end();
    }
  });
});

async function tryOut(session: Session, block: Block, path: string): Promise<void> {
  if (block.file !== undefined || block.sameAs !== undefined) session.write(nameOf(block), block.text);
  if (isConfig(block)) await planned(session, block);
  else if (block.language === 'sh') await session.run(block.text);
  else if (isTranscript(block)) {
    for (const [command = '', shown = ''] of transcript(block.text)) {
      const printed = await session.run(command);
      // Prints both when they differ, which a boolean would not.
      if (!sameOutput(shown, printed)) expect(printed, `${path}:${block.line}: ${command}`).toBe(shown);
    }
  }
}

async function planned(session: Session, block: Block): Promise<void> {
  if (block.file === undefined) {
    await session.prepare({ copy: 'examples/digits' });
    session.write(nameOf(block), block.text);
  }
  await session.run(`modelflow plan --config ${nameOf(block)}`);
}

it('a picture of the store shows what is in it', () => {
  const trees = pages.flatMap((page) => page.blocks.filter(isStoreTree));
  expect(trees).not.toEqual([]);
  // Only damage brings the quarantine, only code of the user's or a folder a listing, and only a rollout that another process runs a request.
  const there = [...new Set([...readdirSync(store), 'quarantine', 'listings', 'requests'])].sort();
  for (const { text } of trees) expect([...new Set([...text.matchAll(/^ {2}([\w.]+)/gm)].map(([, name]) => name))].sort()).toEqual(there);
});

/** Blocks and spans of code: elsewhere, modelflow is a word of English. */
function codeIn(page: Page): string {
  const prose = page.text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  // Help texts, which the reference shows, describe the command in words as well.
  const blocks = page.blocks.filter((block) => block.language !== 'text' || isTranscript(block)).map((block) => block.text);
  return [...blocks.map((text) => text.replaceAll(/^ *(#|\/\/|\*).*$/gm, '')), ...spans].join('\n');
}

/** `$ command`, and what it prints up to the next. */
function transcript(text: string): readonly (readonly string[])[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((piece) => [piece.slice(0, piece.indexOf('\n')), piece.slice(piece.indexOf('\n') + 1)]);
}
