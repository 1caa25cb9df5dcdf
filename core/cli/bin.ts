#!/usr/bin/env node
// Nothing is imported statically and the syntax is that of old Nodes: this file must still run where nothing else of ours would parse.
const given = process.versions.node;
const [major = 0, minor = 0] = given.split('.').map(Number);

if (major >= 24 || (major === 22 && minor >= 19)) {
  import('./compile-cache.ts')
    .then(({ keepCompiledCode }) => keepCompiledCode())
    .then(() =>
      process.argv[2] === 'exec-stage'
        ? import('./host-main.ts').then(({ hostStage }) => hostStage())
        : import('./main.ts').then(({ main }) => main(process.argv.slice(2))),
    )
    .then((code) => {
      // What a stage left open must not keep a command alive that is done; only what is still to be written is waited for.
      const written = [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve)));
      return Promise.all(written).then(() => process.exit(code));
    })
    .catch((error) => {
      console.error(error);
      process.exitCode = 70;
    });
} else {
  console.error(
    `error MF1204: modelflow needs Node 22.19 or newer in 22, or 24 and newer; this is Node ${given}. Get it with \`npm install -D node@24\` and run \`npx modelflow\`, or from https://nodejs.org.`,
  );
  process.exitCode = 2;
}
