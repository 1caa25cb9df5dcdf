// Keeps the contract of a model image, and behaves as MODE says, or as the file `mode` beside it: for what the real server cannot be made to do.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Server } from 'node:net';

const said = (name) => {
  const file = new URL(`./${name}`, import.meta.url);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
};
const mode = process.env.MODE ?? said('mode') ?? 'ok';
const label = process.env.LABEL ?? said('label') ?? 'none';
console.log(`stand-in ${label} starts as ${mode}`);
if (mode === 'crash') {
  console.error('the model is broken: bad opset');
  process.exit(3);
}
const hoard = [];
if (mode === 'greedy') setInterval(() => hoard.push(Buffer.alloc(8 << 20, 1)), 5);

let isDraining = false;
const server = createServer((request, response) => {
  if (isDraining) response.setHeader('connection', 'close');
  const isProbe = request.url.startsWith('/v2/health/');
  response.statusCode = isProbe && mode === 'unready' ? 503 : 200;
  const answer = () => response.end(JSON.stringify({ label, pid: process.pid }));
  if (isProbe) return answer();
  request.resume().on('end', () => setTimeout(answer, Number(process.env.DELAY_MS ?? 5)));
});
server.keepAliveTimeout = 120_000;
server.listen(8080, '0.0.0.0');
process.on('SIGTERM', () => {
  isDraining = true;
  // That of HTTP would cut idle connections at once.
  Server.prototype.close.call(server, () => process.exit(0));
  // A client may just be sending its next request on an idle connection.
  setTimeout(() => server.closeIdleConnections(), 3_000).unref();
  setInterval(() => isDraining && server.closeIdleConnections(), 4_000).unref();
});
