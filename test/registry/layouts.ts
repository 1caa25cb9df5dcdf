import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

export interface TestLayout {
  readonly folder: string;
  readonly digest: string;
  readonly layers: readonly string[];
}

/** A small image on disk: a layer for each text, in a folder that goes away with the test. */
export function makeLayout(texts: readonly (string | Buffer)[], platform = 'linux/amd64'): TestLayout {
  const folder = temporaryFolder();
  const { manifest, layers } = addImage(folder, texts, platform);
  writeIndex(folder, [manifest]);
  return { folder, digest: manifest.digest, layers };
}

/** An image of several platforms, whose index is a blob of its own. */
export function makeManyPlatforms(platforms: readonly string[]): TestLayout {
  const folder = temporaryFolder();
  const manifests = platforms.map((platform) => {
    const [os, architecture] = platform.split('/');
    return { ...addImage(folder, [`for ${platform}`], platform).manifest, platform: { os, architecture } };
  });
  const index = addJson(folder, 'application/vnd.oci.image.index.v1+json', { schemaVersion: 2, manifests });
  writeIndex(folder, [index]);
  return { folder, digest: index.digest, layers: [] };
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'modelflow-layout-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function addImage(folder: string, texts: readonly (string | Buffer)[], platform: string): { manifest: Descriptor; layers: string[] } {
  const [os, architecture] = platform.split('/');
  const tars = texts.map((text, at) => tarOf(`file-${at}`, Buffer.from(text)));
  const layers = tars.map((tar) => addBlob(folder, 'application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar, { level: 1 })));
  const diff_ids = tars.map((tar) => digestOf(tar));
  const config = addJson(folder, 'application/vnd.oci.image.config.v1+json', {
    os,
    architecture,
    config: {},
    rootfs: { type: 'layers', diff_ids },
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = addJson(folder, mediaType, { schemaVersion: 2, mediaType, config, layers });
  return { manifest, layers: layers.map(({ digest }) => digest) };
}

function writeIndex(folder: string, manifests: readonly Descriptor[]): void {
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

function addJson(folder: string, mediaType: string, content: unknown): Descriptor {
  return addBlob(folder, mediaType, Buffer.from(JSON.stringify(content)));
}

function addBlob(folder: string, mediaType: string, bytes: Buffer): Descriptor {
  const digest = digestOf(bytes);
  mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true });
  writeFileSync(join(folder, 'blobs', 'sha256', digest.slice(7)), bytes);
  return { mediaType, digest, size: bytes.length };
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** One regular file as a tar. */
function tarOf(name: string, bytes: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\0', 257);
  header.write('00', 263);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512), Buffer.alloc(1024)]);
}
