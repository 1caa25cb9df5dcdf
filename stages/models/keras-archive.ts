import type { Entry } from 'yauzl';
import { foundInstead, notAModel } from './not-a-model.ts';

const expected = 'a Keras model (.keras)';
const needed = ['config.json', 'metadata.json', 'model.weights.h5'];
const maxEntries = 10_000;
/** Weights do not shrink to a hundredth: what grows like that, and to this size, is made to fill the disk. */
const suspectBytes = 100 * 2 ** 20;
const maxRatio = 100;

/**
 * Check that a file is a zip archive that Keras can have written, by its table of contents; nothing is unpacked.
 * MF3101 for anything else: another kind of file, another archive, names that leave the folder, links, a zip bomb.
 */
export async function checkKerasArchive(path: string): Promise<void> {
  const entries = await entriesOf(path);
  const names = entries.map((entry) => entry.fileName);
  if (new Set(names).size < names.length) throw notAModel(path, expected, 'two files in the archive have the same name');
  for (const entry of entries) checkEntry(path, entry);
  const packed = entries.reduce((sum, entry) => sum + entry.compressedSize, 0);
  const unpacked = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
  if (unpacked > suspectBytes && unpacked > packed * maxRatio)
    throw notAModel(path, expected, `it would grow from ${packed} to ${unpacked} bytes, as a zip bomb does`);
  const missing = needed.filter((name) => !names.includes(name));
  if (missing.length > 0)
    throw notAModel(path, expected, `a zip archive without ${missing.join(' and ')}; ${contents(names)}`, hint(names));
}

async function entriesOf(path: string): Promise<readonly Entry[]> {
  const yauzl = await import('yauzl');
  const zip = await yauzl.default.openPromise(path, { autoClose: false, lazyEntries: true }).catch(async (cause: unknown) => {
    throw await unreadable(path, cause);
  });
  try {
    if (zip.entryCount > maxEntries) throw notAModel(path, expected, `a zip archive of ${zip.entryCount} files`);
    const entries: Entry[] = [];
    // yauzl refuses names that are absolute, leave the folder or hold a backslash.
    for await (const entry of zip.eachEntry()) entries.push(entry);
    return entries;
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'ModelflowError') throw cause;
    throw await unreadable(path, cause);
  } finally {
    zip.close();
  }
}

async function unreadable(path: string, cause: unknown): Promise<Error> {
  const found = await foundInstead(path);
  if (found !== 'it is a zip archive') return notAModel(path, expected, found, { cause });
  const said = cause instanceof Error ? cause.message : String(cause);
  return notAModel(path, expected, `a damaged zip archive (${said})`, { hint: 'Copy or download the file again.', cause });
}

function checkEntry(path: string, entry: Entry): void {
  const unixMode = entry.externalFileAttributes >>> 16;
  if ((unixMode & 0o170000) === 0o120000) throw notAModel(path, expected, `${entry.fileName} in the archive is a link`);
  if (entry.isEncrypted()) throw notAModel(path, expected, `${entry.fileName} in the archive is encrypted`);
  if (/[\0:]/.test(entry.fileName)) throw notAModel(path, expected, `the archive holds a file named ${JSON.stringify(entry.fileName)}`);
}

function contents(names: readonly string[]): string {
  if (names.length === 0) return 'it is empty';
  return `it holds ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
}

function hint(names: readonly string[]): { readonly hint: string } | Record<string, never> {
  if (names.some((name) => name.endsWith('/data.pkl')))
    return { hint: 'This is a PyTorch checkpoint; export it to ONNX and use onnxModel.' };
  if (names.some((name) => name.endsWith('.npy'))) return { hint: 'This is a .npz archive of arrays; use dataset.' };
  if (names.some((name) => name.endsWith('saved_model.pb'))) return { hint: 'Unpack it and use savedModel.' };
  return {};
}
