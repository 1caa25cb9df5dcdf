import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { buildProgram } from '../../core/cli/program.ts';

/** What can be told of a text without running it: files of the repository that it names and that are not there. */
export function missingPaths(root: string, text: string): readonly string[] {
  const named = text.matchAll(/(?<![\w/.-])((?:core|stages|templates|examples|docs|test)\/[\w./-]*\w)/g);
  return [...named].map(([, path = '']) => path).filter((path) => !existsSync(join(root, path)));
}

/** Commands and options in a text that modelflow does not have. */
export function unknownCommands(text: string): readonly string[] {
  const program = buildProgram(new AbortController().signal, () => undefined);
  const lines = text.replaceAll('\\\n', ' ').matchAll(/(?:^|[\s`"(])modelflow(?: --)?((?: [^\s|>&;#`")]+)*)/g);
  return [...lines].flatMap(([, words = '']) => problemsOf(program, words.split(' ').filter(Boolean)));
}

function problemsOf(program: Command, words: readonly string[]): readonly string[] {
  let command = program;
  for (const word of words) {
    const inner = command.commands.find((each) => each.name() === word);
    if (inner) command = inner;
    else if (command.commands.length > 0 && /^[a-z]+$/.test(word) && command === program) return [`modelflow ${word}`];
  }
  const known = [program, command].flatMap((each) => each.options.flatMap(({ short, long }) => [short, long]));
  const options = words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.split('=')[0]);
  return options.filter((word) => ![...known, '--help', '--version'].includes(word)).map((word) => `modelflow ${words.join(' ')}: ${word}`);
}

/** What is wrong with a Mermaid flowchart: a line that is neither a node nor an edge, or a bracket that is not closed. */
export function mermaidProblems(text: string): readonly string[] {
  const [head = '', ...lines] = text.trim().split('\n');
  if (!/^flowchart (LR|RL|TB|TD|BT)$/.test(head)) return [`not a flowchart: ${head}`];
  const node = String.raw`\w+(\[[^\[\]]+\]|\([^()]+\)|\{[^{}]+\})?`;
  const group = `${node}( & ${node})*`;
  const line = new RegExp(String.raw`^\s*${group}( (-->|-\.->|---)(\|[^|]+\|)? ${group})*$`);
  return lines.filter((each) => each.trim() !== '' && !line.test(each));
}
