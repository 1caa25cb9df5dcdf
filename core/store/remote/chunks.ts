import { chunksOf as chunksOfBytes } from '../../registry/chunks.ts';
import type { RemotePart } from '../../spec/remote.ts';

/** The bytes of all parts, one behind the other, in pieces of `sizeBytes`; only the last is smaller. There is at least one. */
export function chunksOf(parts: readonly RemotePart[], sizeBytes: number): AsyncGenerator<Buffer> {
  return chunksOfBytes(bytesOf(parts), sizeBytes);
}

/** The bytes of all parts, one behind the other. */
export async function* bytesOf(parts: readonly RemotePart[], fromByte = 0): AsyncGenerator<Uint8Array> {
  let skip = fromByte;
  for (const part of parts) {
    for await (const piece of part.open()) {
      if (skip < piece.length) yield skip === 0 ? piece : piece.subarray(skip);
      skip = Math.max(0, skip - piece.length);
    }
  }
}

export function sizeOfParts(parts: readonly RemotePart[]): number {
  return parts.reduce((sum, part) => sum + part.sizeBytes, 0);
}
