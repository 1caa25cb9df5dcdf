// The server behind: it answers at once, so that what is measured is the way there. Argument: port.
import { createServer } from 'node:http';

const answer = Buffer.from(JSON.stringify({ output: [0.1, 0.9], label: 'seven' }));
const server = createServer((request, response) => {
  request
    .resume()
    .on('end', () => response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length }).end(answer));
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), '127.0.0.1');
