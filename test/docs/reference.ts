// The generated pages of docs/reference: `npm run docs` writes them, and a test holds them equal to the code.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { buildProgram } from '../../core/cli/program.ts';
import { type ArtifactKind, codes, z } from '../../core/index.ts';
import { planFileSchema } from '../../core/spec/plan-file.ts';
import type { AnyStage } from '../../core/spec/ref.ts';
import { kindsOf } from '../../core/spec/slot.ts';
import * as stages from '../../stages/index.ts';

const folder = new URL('../../docs/reference/', import.meta.url);
const generated = '<!-- Generated from the code by `npm run docs`. -->\n';

/** File name → text of the page. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    'errors.md': errorsPage(),
    'cli.md': cliPage(),
    'stages.md': stagesPage(),
    'kinds.md': kindsPage(),
    'plan.schema.json': planSchema(),
  };
}

/** Of `plan --out` and `plan --json`. */
function planSchema(): string {
  const schema = z.toJSONSchema(planFileSchema, { io: 'input', unrepresentable: 'any' });
  return `${JSON.stringify({ title: 'A plan of modelflow', ...schema }, undefined, 2)}\n`;
}

/** A module's names come in another order from Node than from vitest. */
const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

function errorsPage(): string {
  const rows = Object.entries(codes).map(([code, { title, exit, explain }]) => `## ${code}: ${title}\n\nExit code ${exit}. ${explain}\n`);
  const exits = [
    '| exit code | meaning |',
    '|---|---|',
    '| 0 | done, or nothing to do |',
    '| 1 | a stage failed |',
    '| 2 | configuration or usage |',
    '| 3 | a gate, a policy or a monitor refused |',
    '| 4 | rolled back, or held back because it was |',
    '| 5 | the reviewed plan no longer fits |',
    '| 6 | another run holds the lock |',
    '| 7 | an approval is pending |',
    '| 8 | a target, the store or a tool is unreachable |',
    '| 10 | `plan --detailed-exitcode` found changes |',
    '| 70 | a bug in modelflow |',
    '| 130 | stopped |',
  ];
  return `${generated}# Errors\n\nA code is permanent: it never gets another meaning.\n\n${exits.join('\n')}\n\n${rows.join('\n')}`;
}

function cliPage(): string {
  const program = buildProgram(new AbortController().signal, () => undefined);
  program.configureHelp({ helpWidth: 100 });
  return `${generated}# Command line\n\n\`\`\`text\n${helpOf(program)}\n\`\`\`\n\n${commandsBelow(program, '').join('\n')}`;
}

function commandsBelow(command: Command, prefix: string): readonly string[] {
  return command.commands.flatMap((each) => {
    each.configureHelp({ helpWidth: 100 });
    const name = `${prefix}${each.name()}`;
    return each.commands.length > 0 ? commandsBelow(each, `${name} `) : [`## modelflow ${name}\n\n\`\`\`text\n${helpOf(each)}\n\`\`\`\n`];
  });
}

/** With what `addHelpText` adds, which `helpInformation` leaves out. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trim();
}

function stagesPage(): string {
  const sections = Object.entries(stages)
    .sort(byName)
    .flatMap(([name, value]) => {
      const def = stageOf(value);
      return def ? [stageSection(name, def)] : [];
    });
  return `${generated}# Stages\n\nEvery stage also takes \`gates\`, \`retries\` (0), \`timeoutMs\`, \`weight\` and \`approval\`. An option in **bold** is required.\n\n${sections.join('\n')}`;
}

function stageOf(value: unknown): AnyStage | undefined {
  return typeof value === 'function' && 'def' in value && typeof value.def === 'object' && value.def !== null && 'output' in value.def
    ? (value.def as AnyStage)
    : undefined;
}

function stageSection(name: string, def: AnyStage): string {
  const slots = Object.entries(def.inputs).map(([slot, each]) => {
    const kinds =
      kindsOf(each)
        .map((kind) => `\`${kind.name}\``)
        .join(' or ') || 'what the target runs';
    return `| ${'optional' in each ? slot : `**${slot}**`} | ${'many' in each ? 'a list of ' : ''}${kinds} | |`;
  });
  const options = optionRows(z.strictObject(def.options));
  const table = ['| input or option | takes | |', '|---|---|---|', ...slots, ...options].join('\n');
  return `## ${name}\n\nMakes \`${def.output.name}\`.\n\n${slots.length + options.length > 0 ? `${table}\n` : ''}`;
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

function schemaOf(schema: z.ZodType): Schema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema;
}

function optionRows(shape: z.ZodType, prefix = ''): readonly string[] {
  return rowsOf(schemaOf(shape), prefix);
}

function rowsOf(schema: Schema, prefix: string): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, each]) => {
    const path = `${prefix}${name}`;
    const label = schema.required?.includes(name) && each.default === undefined ? `**${path}**` : path;
    const more = [
      each.description,
      each.default === undefined || each.properties ? undefined : `default \`${JSON.stringify(each.default)}\``,
    ]
      .filter(Boolean)
      .join('; ');
    return [`| ${label} | ${typeText(each)} | ${more.replaceAll('|', '\\|')} |`, ...rowsOf(each, `${path}.`)];
  });
}

function typeText(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(', ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.anyOf) return schema.anyOf.map(typeText).join(', or ');
  if (schema.type === 'array') return `list of ${typeText(schema.items ?? {})}`;
  const range =
    schema.minimum !== undefined && schema.maximum !== undefined && Math.abs(schema.maximum) < 1e15
      ? ` ${schema.minimum}…${schema.maximum}`
      : '';
  return `${schema.type === undefined ? 'see below' : [schema.type].flat().join(' or ')}${range}`;
}

function kindsPage(): string {
  const sections = Object.entries(stages)
    .sort(byName)
    .flatMap(([name, value]) => (isKind(value) ? [kindSection(name, value)] : []));
  return `${generated}# Kinds of artifacts\n\nThe facts of each kind: what gates compare and reports show.\n\n${sections.join('\n')}`;
}

function isKind(value: unknown): value is ArtifactKind {
  return typeof value === 'object' && value !== null && 'facts' in value && 'headlines' in value;
}

function kindSection(name: string, kind: ArtifactKind): string {
  return `## ${name}\n\n\`${kind.name}\`\n\n| fact | type | |\n|---|---|---|\n${rowsOf(schemaOf(kind.facts), '').join('\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(referencePages())) writeFileSync(new URL(name, folder), text);
}
