import { get } from 'node:http';

// What a container's health check runs: 0 when the server in the same container is ready, 1 when it is not. An image has no curl.

const request = get(
  {
    host: '127.0.0.1',
    port: Number(process.env['PORT'] ?? 8080),
    path: process.argv[2] ?? '/v2/health/ready',
    timeout: 4_000,
    agent: false,
  },
  ({ statusCode }) => {
    if (statusCode !== 200) process.stderr.write(`not ready: ${statusCode}\n`);
    process.exit(statusCode === 200 ? 0 : 1);
  },
);
request.on('timeout', () => request.destroy(new Error('no answer within 4 s')));
request.on('error', (cause) => {
  process.stderr.write(`not ready: ${cause.message}\n`);
  process.exit(1);
});
