import { clip, oneLine } from './format.ts';

const cellLimit = 400;
/** For what has to be closed, and for the line that counts what is left out. */
const reservedBytes = 160;

/** Rows between an opening and a closing that belong together: a table that is cut is still a table. */
export interface Section {
  readonly open: string;
  readonly rows: readonly string[];
  readonly close: string;
  /** What a row is called when it is counted. */
  readonly row: string;
}

export interface Room {
  readonly limitBytes: number;
  /** Where all of it is to be read, in Markdown. */
  readonly elsewhere: string;
}

/** The sections after the head, each as far as there is room: what must not be lost comes first. Nothing that is open stays open. */
export function assembled(head: string, sections: readonly Section[], room: Room): string {
  let text = head;
  let leftBytes = room.limitBytes - Buffer.byteLength(head);
  for (const section of sections) {
    const part = fitted(section, leftBytes, room.elsewhere);
    text += part;
    leftBytes -= Buffer.byteLength(part);
  }
  return text;
}

function fitted({ open, rows, close, row }: Section, leftBytes: number, elsewhere: string): string {
  if (rows.length === 0) return '';
  const more = (count: number): string =>
    `_${count} more ${count === 1 ? `${row} does` : `${row}s do`} not fit here: see ${elsewhere}._\n\n`;
  let used = Buffer.byteLength(open) + Buffer.byteLength(close) + Buffer.byteLength(elsewhere) + reservedBytes;
  const taken: string[] = [];
  for (const each of rows) {
    used += Buffer.byteLength(each) + 1;
    if (used > leftBytes) break;
    taken.push(each);
  }
  const left = rows.length - taken.length;
  if (taken.length === 0) return leftBytes > Buffer.byteLength(more(left)) ? more(left) : '';
  return `${open}${taken.join('\n')}\n${close}\n${left === 0 ? '' : more(left)}`;
}

/** A table below a title; with `folded` it is closed behind these words. Cells are Markdown. */
export function tableSection(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  shown: { readonly title?: string; readonly folded?: string | undefined } = {},
): Section {
  const table = `| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}\n`;
  const title = shown.title === undefined ? '' : `**${shown.title}**\n\n`;
  return {
    open: shown.folded === undefined ? `${title}${table}` : `<details><summary>${shown.folded}</summary>\n\n${table}`,
    rows: rows.map((cells) => `| ${cells.join(' | ')} |`),
    close: shown.folded === undefined ? '' : '\n</details>\n',
    row: 'row',
  };
}

/** Lines of a code block. `title` and what stands in `folded` are Markdown. */
export function codeSection(
  language: string,
  lines: readonly string[],
  shown: { readonly title?: string; readonly folded?: string },
): Section {
  const fence = '`'.repeat(Math.max(3, ...lines.map((line) => longestRun(line) + 1)));
  const title = shown.title === undefined ? '' : `${shown.title}\n\n`;
  const opening = shown.folded === undefined ? title : `<details><summary>${shown.folded}</summary>\n\n`;
  return {
    open: `${opening}${fence}${language}\n`,
    rows: lines,
    close: `${fence}\n${shown.folded === undefined ? '' : '\n</details>\n'}`,
    row: 'line',
  };
}

/** Text in a table cell: nothing in it is markup, a mention or the end of the cell, except words that already stand in backticks. */
export function cell(text: string): string {
  return clip(oneLine(text), cellLimit)
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? code(part.slice(1, -1)) : escaped(part)))
    .join('');
}

/** A code span in a table: a bar would end the cell even inside of it. */
export function code(text: string): string {
  const clean = oneLine(text).replaceAll('|', '\\|');
  if (clean === '') return '';
  const ticks = '`'.repeat(longestRun(clean) + 1);
  const pad = clean.startsWith('`') || clean.endsWith('`') ? ' ' : '';
  return `${ticks}${pad}${clean}${pad}${ticks}`;
}

function escaped(text: string): string {
  return text
    .replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign] ?? sign)
    .replace(/[\\`*_~|[\]#$]/g, '\\$&')
    .replace(/@(?=\w)/g, '@\u200b')
    .replace(/:\/\//g, ':\u200b//')
    .replace(/\b(www)\./gi, '$1\u200b.');
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
