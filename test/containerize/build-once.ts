import { z } from '../../core/index.ts';
import { containerize } from '../../stages/containerize/index.ts';

// Builds an image in a process of its own and prints its facts: build-once.ts BUNDLE OUT BASE. Which Node runs it, who and with what umask, is the
// choice of the test.

type Context = Parameters<typeof containerize.def.run>[0];

const [path = '', out = '', base = 'host'] = process.argv.slice(2);
const refuse = () => Promise.reject(new Error('an image needs no other program'));
const facts = { name: 'digits', model: 'model.onnx', precision: 'float32', runtimeVersion: '0', sizeBytes: 1, ociDigest: 'sha256:0' };
const model: Context['inputs']['model'] = { kind: 'serving-bundle', digest: '0'.repeat(64), path, sizeBytes: 1, facts };
const made = await containerize.def.run({
  inputs: { model },
  options: z.strictObject(containerize.def.options).parse({ name: 'image-test/digits', base }),
  out,
  signal: new AbortController().signal,
  log: { info: () => {}, warn: () => {}, progress: () => {} },
  process: { run: refuse },
  python: { call: refuse },
});
process.stdout.write(JSON.stringify(made));
