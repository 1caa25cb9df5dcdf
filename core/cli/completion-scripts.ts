import { failure } from '../spec/diagnostic.ts';
import { nearest } from '../spec/nearest.ts';

/** An option of a command. `values`: what may follow it; empty when it takes a value that cannot be listed. */
export interface CompletedOption {
  /** With their dashes: `['--profile']`, `['-f', '--follow']`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** Undefined: a switch without a value. `files`: a path. */
  readonly takes?: 'files' | readonly string[];
}

export interface CompletedCommand {
  /** With spaces for a command inside a command: `cache verify`. */
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** What its arguments may be. */
  readonly arguments?: 'files' | readonly string[];
}

/** A command line as plain data. */
export interface CompletedProgram {
  readonly name: string;
  readonly options: readonly CompletedOption[];
  readonly commands: readonly CompletedCommand[];
}

const shells = ['bash', 'zsh', 'fish'] as const;

/** A completion script for a shell, on stdout: `source <(modelflow completion bash)`. MF1201 for a shell that is not known. */
export function completionScript(shell: string, program: CompletedProgram): string {
  const known = shells.find((name) => name === shell);
  if (known === undefined) {
    const near = nearest(shell, shells);
    throw failure('MF1201', `there is no completion for the shell \`${shell}\``, {
      hint: near ? `Did you mean \`${near}\`?` : `There is one for ${shells.join(', ')}.`,
    });
  }
  return { bash, zsh, fish }[known](program);
}

/** What may follow the words typed so far; one entry for the program itself, under ''. */
function tables(program: CompletedProgram): readonly CompletedCommand[] {
  const root: CompletedCommand = { name: '', description: '', options: program.options };
  return [root, ...program.commands.map((command) => ({ ...command, options: [...command.options, ...program.options] }))];
}

/** First words, and for `cache` its second words. */
function wordsAfter(program: CompletedProgram, path: string): readonly string[] {
  const prefix = path === '' ? '' : `${path} `;
  const next = program.commands
    .filter((command) => command.name.startsWith(prefix))
    .map((command) => command.name.slice(prefix.length).split(' ')[0] ?? '');
  return [...new Set(next)].filter((word) => word !== '');
}

/** Commands that only hold others (`cache`) are no entry of the table, but can be completed. */
function paths(program: CompletedProgram): readonly string[] {
  const groups = program.commands.flatMap(({ name }) => (name.includes(' ') ? [name.slice(0, name.lastIndexOf(' '))] : []));
  return [...new Set(['', ...groups, ...program.commands.map((command) => command.name)])];
}

function bash(program: CompletedProgram): string {
  const cases = paths(program).map((path) => {
    const command = tables(program).find((entry) => entry.name === path);
    const listed = Array.isArray(command?.arguments) ? (command.arguments as readonly string[]) : [];
    const words = [...wordsAfter(program, path), ...listed, ...(command?.options ?? program.options).flatMap((option) => option.flags)];
    return `    ${quote(path)}) words=${quote(words.join(' '))} ;;`;
  });
  const values = valueCases(program, (option) =>
    option.takes === 'files'
      ? 'COMPREPLY=($(compgen -f -- "$current"))'
      : `COMPREPLY=($(compgen -W ${quote(listOf(option.takes).join(' '))} -- "$current"))`,
  );
  return `# bash completion of ${program.name}: source <(${program.name} completion bash)
_${program.name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${paths(program).filter(Boolean).map(quote).join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path|$previous" in
${values.join('\n')}
  esac
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${program.name} ${program.name}
`;
}

function zsh(program: CompletedProgram): string {
  const cases = paths(program).map((path) => {
    const command = tables(program).find((entry) => entry.name === path);
    const words = wordsAfter(program, path).map((word) => described(word, descriptionOf(program, path, word)));
    const listed = Array.isArray(command?.arguments) ? (command.arguments as readonly string[]).map((word) => described(word, '')) : [];
    const options = (command?.options ?? program.options).flatMap((option) =>
      option.flags.map((flag) => described(flag, option.description)),
    );
    return `    ${quote(path)}) words_here=(${[...words, ...listed, ...options].map(quote).join(' ')}); files=${command?.arguments === 'files' ? 1 : 0} ;;`;
  });
  const values = valueCases(program, (option) =>
    option.takes === 'files' ? '_files' : `compadd -- ${listOf(option.takes).map(quote).join(' ')}`,
  );
  return `#compdef ${program.name}
# zsh completion of ${program.name}: source <(${program.name} completion zsh)
_${program.name}() {
  local path_here='' word files=0
  local -a words_here
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${path_here:+$path_here }$word" in
      (${paths(program).filter(Boolean).map(quote).join('|')}) path_here="\${path_here:+$path_here }$word" ;;
    esac
  done
  case "$path_here|\${words[CURRENT-1]}" in
${values.join('\n')}
  esac
  case "$path_here" in
${cases.map((line) => line.replace(/^ {4}/, '    (')).join('\n')}
  esac
  _describe -t words ${quote(program.name)} words_here
  (( files )) && _files
}
compdef _${program.name} ${program.name}
`;
}

function fish(program: CompletedProgram): string {
  const lines = [`# fish completion of ${program.name}: ${program.name} completion fish | source`, `complete -c ${program.name} -f`];
  for (const option of program.options) lines.push(fishOption(program, '', option));
  for (const path of paths(program)) {
    const command = program.commands.find((entry) => entry.name === path);
    const condition = fishCondition(program, path);
    for (const word of wordsAfter(program, path))
      lines.push(`complete -c ${program.name} ${condition} -a ${quote(word)} -d ${quote(descriptionOf(program, path, word))}`);
    if (command?.arguments === 'files') lines.push(`complete -c ${program.name} ${condition} -F`);
    else if (command?.arguments) lines.push(`complete -c ${program.name} ${condition} -a ${quote(command.arguments.join(' '))}`);
    for (const option of command?.options ?? []) lines.push(fishOption(program, condition, option));
  }
  return `${lines.join('\n')}\n`;
}

function fishCondition(program: CompletedProgram, path: string): string {
  if (path === '') return '-n __fish_use_subcommand';
  const seen = path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
  const deeper = wordsAfter(program, path);
  const notYet = deeper.length > 0 ? [`not __fish_seen_subcommand_from ${deeper.join(' ')}`] : [];
  return `-n ${quote([...seen, ...notYet].join('; and '))}`;
}

function fishOption(program: CompletedProgram, condition: string, option: CompletedOption): string {
  const flags = option.flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const value = option.takes === undefined ? '' : option.takes === 'files' ? '-r -F' : `-x -a ${quote(option.takes.join(' '))}`;
  return ['complete', '-c', program.name, condition, ...flags, value, '-d', quote(option.description)].filter(Boolean).join(' ');
}

/** `'plan|--format') ACT` for each option that takes a value; the same option may take other values in another command. */
function valueCases(program: CompletedProgram, act: (option: CompletedOption) => string): readonly string[] {
  const of = (path: string, options: readonly CompletedOption[]): readonly string[] =>
    options
      .filter((option) => option.takes !== undefined)
      .map((option) => `    (${option.flags.map((flag) => `${path}${quote(`|${flag}`)}`).join('|')}) ${act(option)}; return ;;`);
  return [...program.commands.flatMap((command) => of(quote(command.name), command.options)), ...of('*', program.options)];
}

function listOf(takes: CompletedOption['takes']): readonly string[] {
  return takes === undefined || takes === 'files' ? [] : takes;
}

function descriptionOf(program: CompletedProgram, path: string, word: string): string {
  const name = path === '' ? word : `${path} ${word}`;
  return program.commands.find((command) => command.name === name)?.description ?? '';
}

/** `word:what it does`, as _describe reads it. */
function described(word: string, description: string): string {
  return description === '' ? word.replaceAll(':', '\\:') : `${word.replaceAll(':', '\\:')}:${description}`;
}

/** A word that a shell takes as it stands. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
