import { statSync } from 'node:fs';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { type FileSystem, nodeFileSystem } from '../../core/store/file-system.ts';
import { apply, type Change, copyOf, type Image, type Inode, materialise, rootInode, type Trace } from './crash-model.ts';

/** Which call fails, with what, and whether all that could fail in this way does so from then on. */
export interface Fault {
  readonly at: number;
  readonly code: 'ENOSPC' | 'EIO' | 'EMFILE';
  readonly isLasting: boolean;
}

export interface FaultFiles extends FileSystem {
  /** How many calls there were that can fail in this way. */
  calls(code: Fault['code']): number;
  /** Has the fault come about? */
  hasFailed(): boolean;
}

/** Which calls the system refuses for want of room, because the disk is broken, or because too many files are open. */
const canFail: Readonly<Record<Fault['code'], ReadonlySet<keyof FileSystem>>> = {
  ENOSPC: new Set(['open', 'write', 'makeFolder', 'link', 'rename', 'sync', 'syncContent']),
  EIO: new Set([
    'readText',
    'list',
    'sizeOf',
    'open',
    'write',
    'truncate',
    'sync',
    'syncContent',
    'makeFolder',
    'link',
    'rename',
    'remove',
  ]),
  EMFILE: new Set(['readText', 'list', 'open']),
};

/** A folder on the real disk that begins as an image; what is done to it is recorded in the trace, and one call may fail. */
export function faultFiles(root: string, trace: Trace<unknown>, fault?: Fault): FaultFiles {
  materialise(trace.base, root);
  const real = nodeFileSystem();
  const now = copyOf(trace.base);
  const open = new Map<number, Inode>();
  const counts = { ENOSPC: 0, EIO: 0, EMFILE: 0 };
  let hasFailed = false;
  let next = Math.max(rootInode, ...now.folders.keys(), ...now.files.keys()) + 1;

  const change = (...changes: readonly Change[]): void => {
    for (const each of changes) apply(now, each);
    trace.record(changes);
  };
  const placeOf = (path: string): { readonly folder: Inode; readonly name: string; readonly inode: Inode | undefined } => {
    const folder = inodeAt(now, root, dirname(resolve(path))) ?? rootInode;
    return { folder, name: basename(path), inode: now.folders.get(folder)?.get(basename(path)) };
  };
  /** Throws when it is this call's turn; `first` is done before, as a system does that fails half-way. */
  const meet = (call: keyof FileSystem, first: () => void = () => undefined): void => {
    for (const code of ['ENOSPC', 'EIO', 'EMFILE'] as const) if (canFail[code].has(call)) counts[code]++;
    if (!fault || !canFail[fault.code].has(call)) return;
    const count = counts[fault.code];
    if (fault.isLasting ? count < fault.at : count !== fault.at) return;
    hasFailed = true;
    first();
    throw Object.assign(new Error(`${fault.code}: injected, ${call}`), { code: fault.code });
  };
  const making = (path: string, makes: 'file' | 'folder'): Change => {
    const { folder, name } = placeOf(path);
    return { op: 'name', folder, name, inode: next++, makes };
  };
  const removing = (path: string): void => {
    const { folder, name, inode } = placeOf(path);
    if (inode === undefined) return;
    for (const inner of now.folders.get(inode)?.keys() ?? []) removing(`${path}/${inner}`);
    meet('remove');
    real.remove(path);
    change({ op: 'unname', folder, name });
  };
  const syncing = (call: 'sync' | 'syncContent', descriptor: number): void => {
    const inode = open.get(descriptor) ?? rootInode;
    meet(call, () => trace.failSync(inode));
    trace.sync(inode);
  };
  return {
    calls: (code) => counts[code],
    hasFailed: () => hasFailed,
    readText: (path) => {
      meet('readText');
      return real.readText(path);
    },
    list: (path) => {
      meet('list');
      return real.list(path);
    },
    sizeOf: (path) => {
      meet('sizeOf');
      return real.sizeOf(path);
    },
    open(path, how) {
      meet('open');
      const isNew = how !== 'r' && statSync(path, { throwIfNoEntry: false }) === undefined;
      const descriptor = real.open(path, how);
      if (isNew) change(making(path, 'file'));
      open.set(descriptor, inodeAt(now, root, path) ?? rootInode);
      return descriptor;
    },
    lengthOf: (descriptor) => real.lengthOf(descriptor),
    write(descriptor, bytes) {
      const inode = open.get(descriptor) ?? rootInode;
      const put = (piece: Uint8Array): number => {
        const at = real.lengthOf(descriptor);
        const taken = real.write(descriptor, piece);
        change({ op: 'write', inode, at, bytes: Uint8Array.from(piece.subarray(0, taken)) });
        return taken;
      };
      meet('write', () => put(bytes.subarray(0, Math.floor(bytes.length / 2))));
      return put(bytes);
    },
    truncate(descriptor, sizeBytes) {
      meet('truncate');
      real.truncate(descriptor, sizeBytes);
      change({ op: 'cut', inode: open.get(descriptor) ?? rootInode, sizeBytes });
    },
    sync: (descriptor) => syncing('sync', descriptor),
    syncContent: (descriptor) => syncing('syncContent', descriptor),
    close(descriptor) {
      open.delete(descriptor);
      real.close(descriptor);
    },
    makeFolder(path) {
      meet('makeFolder');
      real.makeFolder(path);
      change(making(path, 'folder'));
    },
    link(from, to) {
      meet('link');
      real.link(from, to);
      const { folder, name } = placeOf(to);
      change({ op: 'name', folder, name, inode: placeOf(from).inode ?? rootInode });
    },
    rename(from, to) {
      meet('rename');
      real.rename(from, to);
      const [source, target] = [placeOf(from), placeOf(to)];
      const named: Change = { op: 'name', folder: target.folder, name: target.name, inode: source.inode ?? rootInode };
      change(named, { op: 'unname', folder: source.folder, name: source.name, after: named });
    },
    remove: (path) => removing(path),
    makeReadOnly: (path) => real.makeReadOnly(path),
  };
}

function inodeAt(image: Image, root: string, path: string): Inode | undefined {
  let at: Inode | undefined = rootInode;
  for (const name of relative(root, resolve(path)).split(sep)) {
    if (name === '') continue;
    at = at === undefined ? undefined : image.folders.get(at)?.get(name);
  }
  return at;
}
