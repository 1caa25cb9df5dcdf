/** A workflow command as GitHub's runner understands it. */
export interface RunnerCommand {
  readonly command: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly message: string;
}

/** What the runner takes out of a log: `::command key=value::message` on a line of its own, blanks before it or not, and `##[command]` anywhere. */
export function commandsIn(log: string): readonly RunnerCommand[] {
  return log.split(/\r\n|\r|\n/).flatMap((line) => {
    const [, command, given = '', message] =
      /^[\s\u0085]*::([^\s:]+)(?: (.*?))?::(.*)$/.exec(line) ?? /##\[(\w[\w-]*)((?: [^\]]*)?)\](.*)$/.exec(line) ?? [];
    if (command === undefined) return [];
    const pairs = given.split(',').flatMap((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [] : [[pair.slice(0, at).trim(), unescaped(pair.slice(at + 1))] as const];
    });
    return [{ command, properties: Object.fromEntries(pairs), message: unescaped(message ?? '') }];
  });
}

function unescaped(text: string): string {
  const signs: Readonly<Record<string, string>> = { '%0D': '\r', '%0A': '\n', '%3A': ':', '%2C': ',', '%25': '%' };
  return text.replace(/%(0D|0A|3A|2C|25)/g, (found) => signs[found] ?? found);
}
