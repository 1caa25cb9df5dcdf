// The end of `npm run demo`: sends a real image to the service that the pipeline has put live.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Status {
  readonly services: readonly { readonly service: string; readonly live: { readonly url?: string } }[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = fileURLToPath(new URL('../../dist/core/cli/bin.js', import.meta.url));
const status = JSON.parse(execFileSync(process.execPath, [cli, 'status', '--json'], { cwd: root, encoding: 'utf8' })) as Status;
const url = status.services.find((each) => each.service === 'digits')?.live.url;
if (url === undefined) throw new Error('the service `digits` is not live');

const form = new FormData();
form.set('image', new Blob([readFileSync(new URL('./seven.png', import.meta.url))], { type: 'image/png' }), 'seven.png');
const response = await fetch(`${url}/predict`, { method: 'POST', body: form });
const answer = (await response.json()) as { readonly label?: string; readonly output?: readonly number[] };
if (!response.ok) throw new Error(`${response.status}: ${JSON.stringify(answer)}`);
const certainty = Math.max(...(answer.output ?? []));

console.log(`
examples/digits/seven.png is a ${answer.label} (${(certainty * 100).toFixed(1)} % sure)

  live at    ${url}
  ask it     curl -F image=@examples/digits/seven.png ${url}/predict
  see it     curl ${url}/v2/models/digits
  metrics    curl ${url}/metrics
  Prometheus npm run --silent modelflow -- inspect watch --path
  stop it    npm run --silent modelflow -- down
`);
