import { StringDecoder } from 'node:string_decoder';

/** A line without an end must not fill the memory: it is handed on in pieces of this many characters. */
const longestLine = 16 * 1024 * 1024;

/** Takes the bytes of a stream and hands on whole lines, without their line ending. */
export interface LineSplitter {
  write(chunk: Uint8Array): void;
  /** The stream has ended: what stands after the last line ending is a line too. */
  end(): void;
}

/** Splits UTF-8 bytes into lines. Of a line that was drawn over (a progress bar's carriage returns) only the last state is handed on. */
export function splitLines(onLine: (line: string) => void): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let pieces: string[] = [];
  let length = 0;
  const flush = (): void => {
    const line = pieces.join('').replace(/\r+$/, '');
    pieces = [];
    length = 0;
    onLine(line.slice(line.lastIndexOf('\r') + 1));
  };
  const take = (piece: string): void => {
    pieces.push(piece);
    length += piece.length;
  };
  const accept = (text: string): void => {
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      take(text.slice(from, at));
      flush();
      from = at + 1;
    }
    if (from < text.length) take(text.slice(from));
    if (length > longestLine) flush();
  };
  return {
    write: (chunk) => accept(decoder.write(chunk)),
    end: () => {
      accept(decoder.end());
      if (length > 0) flush();
    },
  };
}

/** The last bytes of a stream, as text. */
export interface Tail {
  write(chunk: Uint8Array): void;
  text(): string;
}

/** Keeps the last `sizeBytes` of what is written, whatever comes. */
export function keepTail(sizeBytes: number): Tail {
  let chunks: Uint8Array[] = [];
  let held = 0;
  let cut = false;
  const shrink = (): Buffer => {
    const all = Buffer.concat(chunks);
    cut ||= all.length > sizeBytes;
    const kept = Buffer.from(all.subarray(Math.max(0, all.length - sizeBytes)));
    chunks = [kept];
    held = kept.length;
    return kept;
  };
  return {
    write(chunk) {
      chunks.push(chunk);
      held += chunk.length;
      if (held > 2 * sizeBytes) shrink();
    },
    text() {
      const kept = shrink();
      // The cut may have gone through the middle of a character: its other bytes are 10xxxxxx, three at most.
      let from = 0;
      while (cut && from < Math.min(3, kept.length) && ((kept[from] ?? 0) & 0xc0) === 0x80) from += 1;
      return kept.toString('utf8', from);
    },
  };
}
