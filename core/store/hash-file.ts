import { createHash, hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';

const pieceBytes = 1 << 20;

/** sha256 of a file, in hex. `sizeBytes` only decides how it is read. */
export async function hashFile(path: string, sizeBytes: number): Promise<string> {
  return sizeBytes <= pieceBytes ? hash('sha256', readFileSync(path), 'hex') : hashInPieces(path);
}

/** While one piece is hashed, the next is read. */
async function hashInPieces(path: string): Promise<string> {
  const digest = createHash('sha256');
  const file = await open(path);
  try {
    let [now, next] = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)];
    let reading = file.read(now, 0, pieceBytes);
    for (;;) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) return digest.digest('hex');
      reading = file.read(next, 0, pieceBytes);
      digest.update(now.subarray(0, bytesRead));
      [now, next] = [next, now];
    }
  } finally {
    await file.close();
  }
}
