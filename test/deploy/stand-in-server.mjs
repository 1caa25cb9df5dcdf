// Speaks the IPC contract of core/serve/main.ts and behaves as `behaviour.json` of its bundle says:
// for what the real server cannot be made to do, such as dying at start or never getting ready.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { bundle: { type: 'string' }, name: { type: 'string' }, version: { type: 'string' } } });
const behaviour = JSON.parse(readFileSync(join(values.bundle, 'behaviour.json'), 'utf8'));
console.log(`stand-in ${behaviour.label} starts`);
let isDraining = false;
let answering = 0;
const slow = [];
process.on('SIGUSR2', () => {
  for (const end of slow.splice(0)) end();
});
const server = createServer((request, response) => {
  answering++;
  response.on('close', () => {
    answering--;
    if (isDraining) endWhenIdle();
  });
  if (request.url === '/crash') process.exit(9);
  const path = `/v2/models/${values.name}/versions/${values.version}/ready`;
  const isKnown = ['/', '/slow', '/v2/health/ready', path].includes(request.url) && behaviour.mode !== 'unhealthy';
  if (isDraining) response.setHeader('connection', 'close');
  response.statusCode = isKnown ? 200 : 404;
  const end = () => response.end(JSON.stringify({ label: behaviour.label, version: values.version, pid: process.pid }));
  if (request.url !== '/slow') return end();
  slow.push(end);
  console.log('holds an answer back');
});
server.keepAliveTimeout = 60_000;

// A client may just be sending its next request on an idle connection: it is answered, with the wish to close, before the end.
const open = new Set();
function drain() {
  isDraining = true;
  endWhenIdle();
}
function endWhenIdle() {
  if (open.size === 0) process.exit(0);
  if (answering === 0) setTimeout(() => answering === 0 && process.exit(0), 3000);
}
process.on('message', (message, socket) => {
  if (message.type === 'connection' && socket) {
    open.add(socket);
    socket.on('close', () => {
      open.delete(socket);
      if (isDraining) endWhenIdle();
    });
    server.emit('connection', socket);
  }
  if (message.type === 'drain') drain();
});
process.on('disconnect', drain);
if (behaviour.mode === 'crash-at-start') {
  console.error('the model is broken');
  process.exit(3);
} else if (behaviour.mode === 'fails') {
  process.send({ type: 'failed', message: 'Load model failed: bad opset' }, () => process.exit(1));
} else if (behaviour.mode !== 'never-ready') {
  process.send({ type: 'ready' });
}
