import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A fenced block of a page, with what the comments before it tell the test. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** Of the first line of the text, counted from 1. */
  readonly line: number;
  /** `<!-- test: file NAME -->`: the block is that file of the page's folder. */
  readonly file: string | undefined;
  /** `<!-- test: same as PATH -->`: the block must be, word for word, what stands in that file of the repository. */
  readonly sameAs: string | undefined;
  /** `<!-- test: only read, REASON -->`: nothing runs it. */
  readonly onlyRead: string | undefined;
  /** `<!-- test: run COMMAND -->` and `<!-- test: copy PATH -->`, before the block, in order. */
  readonly before: readonly Preparation[];
}

export type Preparation = { readonly run: string } | { readonly copy: string };

export interface Page {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** Reads a Markdown page. Throws for an instruction to the test that is not known, and for a fence that is never closed. */
export function readPage(root: string, path: string): Page {
  const text = readFileSync(join(root, path), 'utf8');
  const lines = text.split('\n');
  const blocks: Block[] = [];
  let told: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const instruction = /^<!-- test: (.*) -->$/.exec(line)?.[1];
    if (instruction !== undefined) told.push(instruction);
    const fence = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(line);
    if (!fence) continue;
    const [, indent = '', ticks = '', language = ''] = fence;
    const end = lines.findIndex((each, index) => index > at && each.trim() === ticks);
    if (end < 0) throw new Error(`${path}:${at + 1}: a block that does not end`);
    const body = lines.slice(at + 1, end).map((each) => (each.startsWith(indent) ? each.slice(indent.length) : each));
    blocks.push({ language: language.trim(), text: `${body.join('\n')}\n`, line: at + 2, ...whatIsTold(path, told) });
    told = [];
    at = end;
  }
  if (told.length > 0) throw new Error(`${path}: no block follows ${told.join(', ')}`);
  return { path, text, blocks };
}

function whatIsTold(path: string, told: readonly string[]): Pick<Block, 'file' | 'sameAs' | 'onlyRead' | 'before'> {
  const before: Preparation[] = [];
  let [file, sameAs, onlyRead]: (string | undefined)[] = [];
  for (const each of told) {
    const [, word, rest = ''] = /^(file|same as|only read,|run|copy) (.+)$/.exec(each) ?? [];
    if (word === 'file') file = rest;
    else if (word === 'same as') sameAs = rest;
    else if (word === 'only read,') onlyRead = rest;
    else if (word === 'run') before.push({ run: rest });
    else if (word === 'copy') before.push({ copy: rest });
    else throw new Error(`${path}: the test does not know \`${each}\``);
  }
  return { file, sameAs, onlyRead, before };
}
