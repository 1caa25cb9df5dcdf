const signatures: readonly (readonly [string, string])[] = [
  ['\x93NUMPY', 'a NumPy .npy array'],
  ['PK\x03\x04', 'a zip archive'],
  ['PK\x05\x06', 'an empty zip archive'],
  ['\x89HDF\r\n\x1a\n', 'an HDF5 file (.h5)'],
  ['PAR1', 'a Parquet file'],
  ['ARROW1', 'an Arrow file'],
  ['\x1f\x8b', 'gzip-compressed data'],
  ['\x89PNG', 'a PNG image'],
  ['\xff\xd8\xff', 'a JPEG image'],
  ['SQLite format 3', 'an SQLite database'],
  ['MATLAB 5.0', 'a MATLAB file'],
  ['version https://git-lfs', 'a Git LFS pointer (run `git lfs pull`)'],
  ['<!DOCTYPE', 'an HTML page'],
  ['<html', 'an HTML page'],
];

/** What a file is by its first bytes, in words, for a message: `an HDF5 file (.h5)`, `text beginning with "a,b"`, `an empty file`. */
export function looksLike(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file';
  const head = Buffer.from(bytes.subarray(0, 64)).toString('latin1');
  const known = signatures.find(([start]) => head.startsWith(start));
  if (known) return known[1];
  if (bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2 && (bytes[1] ?? 0) <= 5) return 'a Python pickle';
  const printable = /^[\t\r\n\x20-\x7e]+$/.test(head);
  return printable ? `text beginning with ${JSON.stringify(head.slice(0, 30))}` : `binary data beginning with ${hex(bytes)}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 8)).toString('hex');
}
