import type { Readable } from 'node:stream';

/** One piece of what a container wrote: the engine puts both streams into one, each piece with a header of eight bytes. */
export interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

export async function* framesOf(source: Readable): AsyncGenerator<Frame> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= 8) {
      const end = 8 + rest.readUInt32BE(4);
      if (rest.length < end) break;
      yield { stream: rest[0] === 2 ? 'stderr' : 'stdout', bytes: Buffer.from(rest.subarray(8, end)) };
      rest = rest.subarray(end);
    }
  }
}

/** Lines of both streams, each whole, in the order in which they ended. */
export async function* linesOf(source: Readable): AsyncGenerator<string> {
  const begun = { stdout: '', stderr: '' };
  for await (const { stream, bytes } of framesOf(source)) {
    const lines = `${begun[stream]}${bytes.toString('utf8')}`.split('\n');
    begun[stream] = lines.pop() ?? '';
    yield* lines;
  }
  yield* Object.values(begun).filter((line) => line !== '');
}
