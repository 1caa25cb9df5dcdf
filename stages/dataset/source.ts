import { open } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { looksLike } from '../lib/looks-like.ts';
import { openNpy } from '../lib/npy.ts';
import { type NpyHeader, unreadable } from '../lib/npy-header.ts';
import { openNpz } from '../lib/npz.ts';
import { chooseNames } from './choose.ts';
import { copyNpy } from './copy-npy.ts';
import type { ChosenArrays, SourceArray, SourceRequest } from './source-array.ts';
import { readTable } from './table.ts';

/** What the file is, told by its first bytes, or by its ending for a table; MF3106 when it is none of the formats. */
export async function openSource(path: string, request: SourceRequest): Promise<ChosenArrays> {
  const source = basename(path);
  const head = await beginningOf(path, source);
  if (head[0] === 0x93 && head[1] === 0x4e) return fromNpy(path, source, request);
  if (head[0] === 0x50 && head[1] === 0x4b) return fromNpz(path, source, request);
  const ending = extname(path).toLowerCase();
  if (ending === '.csv' || ending === '.tsv') return readTable(path, source, request);
  throw unreadable(
    source,
    `neither .npz nor .npy; it looks like ${looksLike(head)}`,
    'Save the arrays with numpy.savez("data.npz", x=x, y=y), or a table as .csv with a header row.',
  );
}

async function beginningOf(path: string, source: string): Promise<Uint8Array> {
  const handle = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(source, `cannot be opened (${cause.code})`, undefined, cause);
  });
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(64), 0, 64, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function fromNpy(path: string, source: string, request: SourceRequest): Promise<ChosenArrays> {
  const name = 'x';
  if (typeof request.labels === 'string')
    throw unreadable(source, `a .npy file holds one array and no ${request.labels}`, 'Save inputs and labels together with numpy.savez.');
  const file = await openNpy(path);
  await file.close();
  const [wanted = name, second] = [request.inputs ?? name].flat();
  if (second !== undefined)
    throw unreadable(source, `a .npy file holds one array and no ${second}`, 'Save several arrays with numpy.savez.');
  checkName(wanted, source);
  return { inputs: [arrayOf(wanted, file.header, async () => path)], labels: undefined };
}

async function fromNpz(path: string, source: string, request: SourceRequest): Promise<ChosenArrays> {
  const archive = await openNpz(path);
  try {
    const chosen = chooseNames(archive.names, request, source, 'array');
    const unpack = async (name: string, index: number): Promise<SourceArray> => {
      checkName(name, source);
      const target = join(request.scratch, `${index}.npy`);
      await archive.extract(name, target, request.signal);
      return arrayOf(name, await archive.header(name), async () => target);
    };
    const inputs: SourceArray[] = [];
    for (const [index, name] of chosen.inputs.entries()) inputs.push(await unpack(name, index));
    return { inputs, labels: chosen.labels === undefined ? undefined : await unpack(chosen.labels, inputs.length) };
  } finally {
    archive.close();
  }
}

function arrayOf(name: string, header: NpyHeader, path: () => Promise<string>): SourceArray {
  return {
    name,
    dtype: header.dtype,
    shape: header.shape,
    save: async (target, rows) => copyNpy(await path(), target, rows, name),
  };
}

/** A name becomes the name of a file. */
function checkName(name: string, source: string): void {
  const usable = /^[^/\\\0.][^/\\\0]{0,99}$/.test(name);
  if (!usable)
    throw unreadable(
      source,
      `an array cannot be named ${JSON.stringify(name.slice(0, 120))}`,
      'Rename it: its name becomes the name of a file.',
    );
}
