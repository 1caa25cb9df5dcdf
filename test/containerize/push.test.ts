import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { openRegistry, type Secret } from 'modelflow';
import { expect, test, vi } from 'vitest';
import { ensurePushed } from '../../stages/containerize/push.ts';
import { verifyImage } from '../../stages/index.ts';
import { startServer } from '../remote/servers.ts';
import { imageRig, type Rig } from './image-rig.ts';

const { signal } = new AbortController();
const log = { info: () => {}, warn: () => {}, progress: () => {} };

async function registryServer() {
  const server = await startServer('oci');
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
  return { ...server, name: `127.0.0.1:${server.port}/acme/digits` };
}

function keyPair(type: 'ed25519' | 'ec') {
  const pair = type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' }) : generateKeyPairSync('ed25519');
  const pem = String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const signWith: Secret = { secret: 'KEY', from: { environment: 'KEY' }, reveal: () => pem };
  return { publicKey: String(pair.publicKey.export({ type: 'spki', format: 'pem' })), signWith };
}

async function build(rig: Rig, name: string, more: object = {}) {
  const { out, facts } = await rig.build(await rig.bundle(), { name, push: true, ...more });
  return { kind: 'oci-image' as const, digest: '0'.repeat(64), path: out, sizeBytes: 1, facts };
}

/** cosign, as `.ci/daemons` builds it. */
function cosign(...args: readonly string[]): string {
  const built = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'modelflow-test', 'bin', 'cosign');
  return execFileSync(existsSync(built) ? built : 'cosign', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

test.each(['ed25519', 'ec'] as const)(
  'an image that is signed with a key of %s is what cosign and modelflow say it is, and no other',
  async (type) => {
    const rig = await imageRig();
    const { name } = await registryServer();
    const key = keyPair(type);
    const { facts } = await build(rig, name, { signWith: key.signWith });
    expect(facts.pushed).toBe(`${name}@${facts.digest}`);
    const keyFile = join(rig.folder, 'key.pub');
    await writeFile(keyFile, key.publicKey);
    const checks = ['--key', keyFile, '--insecure-ignore-tlog=true', '--allow-http-registry=true'];
    expect(cosign('verify', ...checks, `${name}:${facts.tag}`)).toContain(facts.digest);
    for (const kind of ['cyclonedx', 'slsaprovenance1'])
      expect(cosign('verify-attestation', ...checks, '--type', kind, `${name}:${facts.tag}`)).toContain('application/vnd.in-toto+json');
    expect(await verifyImage({ image: `${name}:${facts.tag}`, key: key.publicKey })).toBe(`${name}@${facts.digest}`);
    const stranger = keyPair(type);
    await expect(verifyImage({ image: `${name}:${facts.tag}`, key: stranger.publicKey })).rejects.toThrow(
      /MF3252: .* none of its 1 signatures/,
    );
    await writeFile(keyFile, stranger.publicKey);
    expect(() => cosign('verify', ...checks, `${name}:${facts.tag}`)).toThrow();
  },
);

test('what is said about an image is attached to it, and a registry that has lost all of it gets all of it again', async () => {
  const rig = await imageRig();
  const server = await registryServer();
  const key = keyPair('ed25519');
  const image = await build(rig, server.name, { signWith: key.signWith });
  const { digest, tag } = image.facts;
  const registry = await openRegistry({ repository: server.name, signal });
  const typesThere = async () => (await registry.referrers(digest)).map(({ artifactType }) => artifactType).sort();
  const types = await typesThere();
  expect(types).toEqual([
    'application/vnd.cyclonedx+json',
    'application/vnd.dev.cosign.artifact.sig.v1+json',
    'application/vnd.dsse.envelope.v1+json',
    'application/vnd.dsse.envelope.v1+json',
    'application/vnd.in-toto+json',
  ]);
  await rm(join(server.folder, 'docker'), { recursive: true });
  expect(await registry.hasManifest(digest)).toBe(false);
  expect(await ensurePushed(image, { signal, log })).toBe(`${server.name}@${digest}`);
  expect(await typesThere()).toEqual(types);
  expect(await verifyImage({ image: `${server.name}:${tag}`, key: key.publicKey })).toBe(`${server.name}@${digest}`);
});

test('a name without a registry and a key that is none are refused before anything is sent', async () => {
  const rig = await imageRig();
  await expect(build(rig, 'acme/digits')).rejects.toThrow(/MF3251: the image `acme\/digits` is to be pushed/);
  const signWith = { secret: 'KEY', from: { environment: 'KEY' }, reveal: () => 'secret words' };
  await expect(build(rig, '127.0.0.1:1/acme/digits', { signWith })).rejects.toThrow(/MF3250/);
});
