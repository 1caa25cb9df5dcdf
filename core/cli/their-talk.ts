/**
 * What code of the user's prints while `work` is at it goes to stderr: stdout is data, and the first line of a plan in JSON must not be somebody's
 * `console.log`. Whoever wraps the streams meanwhile, as redaction does, stays in place.
 */
export async function theirTalkAside<T>(work: () => Promise<T>): Promise<T> {
  const { stdout, stderr } = process;
  const before = stdout.write;
  let isAside = true;
  const write = ((...given: Parameters<typeof before>) =>
    isAside ? stderr.write(...given) : before.apply(stdout, given)) as typeof before;
  stdout.write = write;
  try {
    return await work();
  } finally {
    isAside = false;
    if (stdout.write === write) stdout.write = before;
  }
}
