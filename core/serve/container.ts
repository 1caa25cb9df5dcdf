// The server as the first process of a container. The kernel gives such a process no signal that it does not listen for, so it listens before
// it does anything else: until the server itself takes over, a stop is a stop at once.

function leave(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) === 1) process.exit(signal === 'SIGTERM' ? 143 : 130);
}

process.on('SIGTERM', leave).on('SIGINT', leave);
await import('./main.ts');
