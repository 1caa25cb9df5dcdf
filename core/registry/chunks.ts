/** The bytes in pieces of `sizeBytes`; only the last is smaller. There is at least one. */
export async function* chunksOf(bytes: AsyncIterable<Uint8Array>, sizeBytes: number): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (let piece of bytes) {
    while (heldBytes + piece.length >= sizeBytes) {
      const fits = sizeBytes - heldBytes;
      yield Buffer.concat([...held, piece.subarray(0, fits)]);
      piece = piece.subarray(fits);
      [held, heldBytes] = [[], 0];
    }
    if (piece.length > 0) held.push(piece);
    heldBytes += piece.length;
  }
  yield Buffer.concat(held);
}
