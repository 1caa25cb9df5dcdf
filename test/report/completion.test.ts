import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { type CompletedProgram, completionScript } from '../../core/cli/completion-scripts.ts';

const program: CompletedProgram = {
  name: 'modelflow',
  options: [
    { flags: ['--config'], description: "the user's file", takes: 'files' },
    { flags: ['--profile'], description: 'a profile', takes: [] },
  ],
  commands: [
    {
      name: 'plan',
      description: 'show: the plan',
      options: [
        { flags: ['--format'], description: 'how', takes: ['text', 'json'] },
        { flags: ['-j', '--json'], description: 'as JSON' },
      ],
    },
    { name: 'graph', description: 'draw', options: [{ flags: ['--format'], description: 'how', takes: ['mermaid', 'svg'] }] },
    { name: 'cache verify', description: 'verify', options: [{ flags: ['--deep'], description: 'all of it' }] },
    { name: 'completion', description: 'this', options: [], arguments: ['bash', 'zsh', 'fish'] },
  ],
};

/** What bash offers for a line, the last word being unfinished. */
function offered(...words: readonly string[]): readonly string[] {
  const line = ['modelflow', ...words].map((word) => `'${word}'`).join(' ');
  const ask = `${completionScript('bash', program)}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length}; _modelflow; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', ask], { encoding: 'utf8', cwd: '/' }).split('\n').filter(Boolean);
}

describe('bash completes', () => {
  test('commands, and commands inside a command', () => {
    expect(offered('')).toEqual(['plan', 'graph', 'cache', 'completion', '--config', '--profile']);
    expect(offered('pl')).toEqual(['plan']);
    expect(offered('cache', 'v')).toEqual(['verify']);
  });

  test('options of the command that stands there, wherever the others of the line are', () => {
    expect(offered('plan', '-')).toEqual(['--format', '-j', '--json', '--config', '--profile']);
    expect(offered('--profile', 'x', 'cache', 'verify', '--d')).toEqual(['--deep']);
  });

  test('values of an option, which another command may know by the same name', () => {
    expect(offered('plan', '--format', '')).toEqual(['text', 'json']);
    expect(offered('graph', '--format', 's')).toEqual(['svg']);
  });

  test('arguments that can be listed, and files', () => {
    expect(offered('completion', 'z')).toEqual(['zsh']);
    expect(offered('plan', '--config', '/us')).toEqual(['/usr']);
  });
});

test.each(['zsh', 'fish'])('the script for %s names every command and option with what it is for', (shell) => {
  const script = completionScript(shell, program);
  for (const word of ['plan', 'graph', 'cache', 'verify', 'format', 'json', 'deep', 'mermaid', 'draw', 'all of it'])
    expect(script).toContain(word);
});

test('a shell that is not known is MF1201, with the nearest', () => {
  expect(() => completionScript('zhs', program)).toThrow(/^MF1201: there is no completion for the shell `zhs`$/);
});
