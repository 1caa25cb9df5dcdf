import { open } from 'node:fs/promises';
import { openNpy, rowsOf, writeNpy } from '../lib/npy.ts';
import { descrOf, npyHeaderBytes } from '../lib/npy-header.ts';

const chunkBytes = 4 * 2 ** 20;

/** Copy the first `rows` rows of a .npy file into a new one that is little-endian and in C order, without holding it in memory. */
export async function copyNpy(from: string, to: string, rows: number, name: string): Promise<void> {
  const source = await openNpy(from, name);
  try {
    const { header, shape } = source;
    if (header.fortranOrder && shape.length > 1) return await writeNpy(to, rowsOf(await source.read(), 0, rows));
    const width = header.text === 'U' ? header.itemBytes / 4 : header.itemBytes;
    const wantedShape = [rows, ...shape.slice(1)];
    const target = await open(to, 'wx');
    try {
      await target.writeFile(npyHeaderBytes(descrOf(source.dtype, header.text, width), wantedShape));
      const wantedBytes = wantedShape.reduce((product, size) => product * size, header.itemBytes);
      const wordBytes = header.text === 'U' ? 4 : header.text === 'S' ? 1 : header.itemBytes;
      for (let offset = 0; offset < wantedBytes; offset += chunkBytes) {
        const bytes = await source.readBytes(offset, Math.min(chunkBytes, wantedBytes - offset));
        if (header.bigEndian) swapWords(bytes, wordBytes);
        await target.writeFile(bytes);
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

function swapWords(bytes: Uint8Array, wordBytes: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (wordBytes === 2) buffer.swap16();
  else if (wordBytes === 4) buffer.swap32();
  else if (wordBytes === 8) buffer.swap64();
}
