import type { RemotePart } from '../../spec/remote.ts';

/** The bytes of all parts, one behind the other, in pieces of `sizeBytes`; only the last is smaller. There is at least one. */
export async function* chunksOf(parts: readonly RemotePart[], sizeBytes: number): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for (const part of parts) {
    for await (let piece of part.open()) {
      while (heldBytes + piece.length >= sizeBytes) {
        const fits = sizeBytes - heldBytes;
        yield Buffer.concat([...held, piece.subarray(0, fits)]);
        piece = piece.subarray(fits);
        [held, heldBytes] = [[], 0];
      }
      if (piece.length > 0) held.push(piece);
      heldBytes += piece.length;
    }
  }
  yield Buffer.concat(held);
}

export function sizeOfParts(parts: readonly RemotePart[]): number {
  return parts.reduce((sum, part) => sum + part.sizeBytes, 0);
}
