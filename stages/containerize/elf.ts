import { type FileHandle, open } from 'node:fs/promises';

/** What the dynamic linker would need to know of a program or a library. */
export interface Elf {
  readonly machine: 'amd64' | 'arm64' | 'other';
  /** The dynamic linker of a program: /lib64/ld-linux-x86-64.so.2. */
  readonly interpreter: string | undefined;
  /** Names of the libraries it is linked with. */
  readonly needed: readonly string[];
  /** Where it says that they lie; $ORIGIN is the folder that it is in. */
  readonly searched: readonly string[];
  /** Given by the linker to what it made; tells one build from another without reading them. */
  readonly buildId: string | undefined;
  /** Up to here it is loaded; symbols for debuggers lie behind. */
  readonly loadedBytes: number;
  readonly sizeBytes: number;
  /** The newest version of the GNU C library that a symbol is asked of, such as 2.28. */
  readonly wantsLibc: string | undefined;
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly sizeBytes: number;
}

const segmentTypes = { load: 1, dynamic: 2, interpreter: 3, note: 4 } as const;
const tags = { needed: 1, strings: 5, stringsSize: 10, rpath: 15, runpath: 29, versions: 0x6ffffffe, versionCount: 0x6fffffff } as const;
const machines: Readonly<Record<number, Elf['machine']>> = { 62: 'amd64', 183: 'arm64' };

/** Reads a few pages of a 64-bit little-endian ELF file; undefined for any other file. */
export async function readElf(path: string): Promise<Elf | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const head = await bytesAt(file, 0, 64);
    if (head.length < 64 || head.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return undefined;
    const segments = readSegments(await bytesAt(file, Number(head.readBigUInt64LE(32)), head.readUInt16LE(54) * head.readUInt16LE(56)));
    const of = (type: number): readonly Segment[] => segments.filter((each) => each.type === type);
    const [interpreter] = of(segmentTypes.interpreter);
    return {
      machine: machines[head.readUInt16LE(18)] ?? 'other',
      interpreter: interpreter && textAt(await bytesAt(file, interpreter.offset, interpreter.sizeBytes), 0),
      ...(await readDynamic(file, segments)),
      buildId: await readBuildId(file, of(segmentTypes.note)),
      loadedBytes: Math.min(size, Math.max(64, ...of(segmentTypes.load).map((each) => each.offset + each.sizeBytes))),
      sizeBytes: size,
    };
  } finally {
    await file.close();
  }
}

/** The head of a file of which only the loaded part is kept: it must not point to sections that are not there. */
export function withoutSections(head: Buffer): Buffer {
  const changed = Buffer.from(head);
  changed.writeBigUInt64LE(0n, 40);
  changed.writeUInt16LE(0, 60);
  changed.writeUInt16LE(0, 62);
  return changed;
}

function readSegments(table: Buffer): readonly Segment[] {
  return Array.from({ length: Math.floor(table.length / 56) }, (_, nth) => {
    const at = nth * 56;
    return {
      type: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: Number(table.readBigUInt64LE(at + 16)),
      sizeBytes: Number(table.readBigUInt64LE(at + 32)),
    };
  });
}

async function readDynamic(file: FileHandle, segments: readonly Segment[]): Promise<Pick<Elf, 'needed' | 'searched' | 'wantsLibc'>> {
  const dynamic = segments.find(({ type }) => type === segmentTypes.dynamic);
  if (dynamic === undefined) return { needed: [], searched: [], wantsLibc: undefined };
  const table = await bytesAt(file, dynamic.offset, dynamic.sizeBytes);
  const entries = Array.from({ length: Math.floor(table.length / 16) }, (_, nth) => ({
    tag: Number(table.readBigInt64LE(nth * 16)),
    value: Number(table.readBigUInt64LE(nth * 16 + 8)),
  }));
  const first = (tag: number): number => entries.find((entry) => entry.tag === tag)?.value ?? 0;
  const strings = await bytesAt(file, offsetOf(segments, first(tags.strings)), first(tags.stringsSize));
  const texts = (tag: number): readonly string[] => entries.filter((entry) => entry.tag === tag).map(({ value }) => textAt(strings, value));
  // The table has no size of its own: its records point to each other, and 64 KiB hold some thousands.
  const versions = first(tags.versions) === 0 ? undefined : await bytesAt(file, offsetOf(segments, first(tags.versions)), 65_536);
  return {
    needed: texts(tags.needed),
    searched: [...texts(tags.rpath), ...texts(tags.runpath)].flatMap((list) => list.split(':')).filter((folder) => folder !== ''),
    wantsLibc: versions && newestLibc(versions, first(tags.versionCount), strings),
  };
}

function newestLibc(table: Buffer, count: number, strings: Buffer): string | undefined {
  const found: string[] = [];
  let at = 0;
  for (let library = 0; library < count && at + 16 <= table.length; library += 1) {
    let symbol = at + table.readUInt32LE(at + 8);
    for (let left = table.readUInt16LE(at + 2); left > 0 && symbol + 16 <= table.length; left -= 1) {
      const [, version] = /^GLIBC_(\d+\.\d+)/.exec(textAt(strings, table.readUInt32LE(symbol + 8))) ?? [];
      if (version !== undefined) found.push(version);
      symbol += table.readUInt32LE(symbol + 12);
    }
    at += table.readUInt32LE(at + 12);
  }
  return found.sort(byVersion).at(-1);
}

/** 2.9 comes before 2.28. */
export function byVersion(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  const at = left.findIndex((part, nth) => part !== (right[nth] ?? 0));
  return at === -1 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? 0);
}

async function readBuildId(file: FileHandle, notes: readonly Segment[]): Promise<string | undefined> {
  const buildIdType = 3;
  for (const { offset, sizeBytes } of notes) {
    const note = await bytesAt(file, offset, Math.min(sizeBytes, 65_536));
    for (let at = 0; at + 12 <= note.length; ) {
      const [nameBytes, idBytes, type] = [note.readUInt32LE(at), note.readUInt32LE(at + 4), note.readUInt32LE(at + 8)];
      const idAt = at + 12 + padded(nameBytes);
      if (type === buildIdType && textAt(note, at + 12) === 'GNU') return note.toString('hex', idAt, idAt + idBytes);
      at = idAt + padded(idBytes);
    }
  }
  return undefined;
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 4) * 4;
}

function offsetOf(segments: readonly Segment[], address: number): number {
  const holder = segments.find(
    (each) => each.type === segmentTypes.load && address >= each.address && address < each.address + each.sizeBytes,
  );
  return holder === undefined ? address : address - holder.address + holder.offset;
}

function textAt(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at);
  return bytes.toString('utf8', at, end === -1 ? bytes.length : end);
}

async function bytesAt(file: FileHandle, position: number, lengthBytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(lengthBytes);
  const { bytesRead } = await file.read(buffer, 0, lengthBytes, position);
  return buffer.subarray(0, bytesRead);
}
