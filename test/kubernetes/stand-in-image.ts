import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Artifact } from '../../core/index.ts';
import type { OciImage } from '../../stages/kinds.ts';

export type Image = Artifact<typeof OciImage>;

interface Blob {
  readonly digest: string;
  readonly diffId: string;
  readonly bytes: Buffer;
}

let base: Promise<Blob> | undefined;

/** An image of the stand-in server, pushed to the registry of the cluster. The Node of this machine is its base. */
export async function pushStandIn(registry: string, label: string, mode = 'ok'): Promise<Image> {
  base ??= nodeLayer();
  const program = await readFile(new URL('./stand-in.mjs', import.meta.url));
  const layers = [
    await base,
    await layerOf([
      ['app/stand-in.mjs', program, 0o444],
      ['app/label', Buffer.from(label), 0o444],
      ['app/mode', Buffer.from(mode), 0o444],
    ]),
  ];
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Entrypoint: ['/bin/node', '/app/stand-in.mjs'], User: '65532:65532', ExposedPorts: { '8080/tcp': {} } },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  );
  const repository = `http://${registry}/v2/stand-in`;
  for (const bytes of [...layers.map((layer) => layer.bytes), config]) await pushBlob(repository, bytes);
  const type = 'application/vnd.oci.image';
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: `${type}.manifest.v1+json`,
    config: { mediaType: `${type}.config.v1+json`, digest: digestOf(config), size: config.length },
    layers: layers.map(({ digest, bytes }) => ({ mediaType: `${type}.layer.v1.tar+gzip`, digest, size: bytes.length })),
  });
  const digest = digestOf(manifest);
  await send(`${repository}/manifests/${digest}`, 'PUT', manifest, `${type}.manifest.v1+json`);
  return imageAt(`${registry}/stand-in`, digest);
}

/** An image that is said to be there. */
export function imageAt(name: string, digest: string): Image {
  const facts = {
    name,
    tag: 'test',
    digest,
    configDigest: digest,
    platform: 'linux/amd64',
    base: { reference: 'host', digest },
    layers: [],
    model: { name: 'digits', precision: 'float32' },
    port: 8080,
    user: '65532:65532',
    sizeBytes: 1,
    unpackedBytes: 1,
    pushed: `${name}@${digest}`,
  };
  return { kind: 'oci-image', digest: digest.replace('sha256:', ''), path: '/nowhere', sizeBytes: 1, facts };
}

async function nodeLayer(): Promise<Blob> {
  const found = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  const libraries = [...found.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  const files: (readonly [string, Buffer, number])[] = [['bin/node', await readFile(process.execPath), 0o555]];
  for (const path of libraries) files.push([path.slice(1), await readFile(realpathSync(path)), 0o555]);
  return layerOf(files);
}

async function layerOf(files: readonly (readonly [string, Buffer, number])[]): Promise<Blob> {
  const archive = pack();
  for (const [name, bytes, mode] of files) archive.entry({ name, mode, mtime: new Date(0), size: bytes.length }, bytes);
  archive.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of archive) pieces.push(piece as Buffer);
  const whole = Buffer.concat(pieces);
  const bytes = gzipSync(whole, { level: 1 });
  return { digest: digestOf(bytes), diffId: digestOf(whole), bytes };
}

function digestOf(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function pushBlob(repository: string, bytes: Buffer): Promise<void> {
  const digest = digestOf(bytes);
  if ((await fetch(`${repository}/blobs/${digest}`, { method: 'HEAD' })).ok) return;
  const begun = await fetch(`${repository}/blobs/uploads/`, { method: 'POST' });
  const at = new URL(begun.headers.get('location') ?? '', repository);
  at.searchParams.set('digest', digest);
  await send(at.href, 'PUT', bytes, 'application/octet-stream');
}

async function send(url: string, method: string, body: Buffer | string, type: string): Promise<void> {
  const answer = await fetch(url, {
    method,
    body: typeof body === 'string' ? body : new Uint8Array(body),
    headers: { 'content-type': type },
  });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
}
