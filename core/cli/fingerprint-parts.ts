import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EnginePorts } from '../engine/ports.ts';
import { fingerprintFormat, holdsFunction, plainOptions, type SourceDigest, sourcesIn } from '../plan/fingerprint.ts';
import type { GraphNode } from '../plan/graph.ts';
import { type Inputs, isList } from '../plan/plan.ts';
import { failure, ModelflowError } from '../spec/diagnostic.ts';
import type { Source } from '../spec/source.ts';
import { digestSource } from '../store/digest.ts';
import type { NoteListing } from '../store/listings.ts';
import { inTheirCode } from './their-code.ts';
import type { Workspace } from './workspace.ts';

type ReadSource = (source: Source, shown: string) => Promise<SourceDigest>;

/** Everything that decides the bytes of a node, read from the user's files and from the code of its stage. `note` is told what digests are made of. */
export function fingerprintParts(
  { config, digests: memory }: Pick<Workspace, 'config' | 'digests'>,
  note?: NoteListing,
): Pick<EnginePorts, 'parts' | 'sourcesUnchanged'> {
  const digests: ReadSource = (source, shown) => digestSource(source, shown, memory, note);
  const codeDigests = new Map<string, Promise<string>>();
  const usersCode = (files: readonly [string, ...string[]]): Promise<string> =>
    remembered(codeDigests, files.join('\n'), () => config.codeDigest(files, note));
  const plain = async (node: GraphNode): Promise<unknown> => {
    const found = new Map<string, SourceDigest>();
    for (const source of sourcesIn(node.node.options)) {
      const absolute = { ...source, path: resolve(config.root, source.path) };
      found.set(keyOf(source), await digests(absolute, source.path));
    }
    return plainOptions(decisive(node), (source) => found.get(keyOf(source)) as SourceDigest);
  };
  const codeOf = async (node: GraphNode): Promise<Readonly<Record<string, string>>> => {
    const code: Record<string, string> = {};
    for (const url of node.node.stage.code ?? [])
      code[freeKey(basename(new URL(url).pathname), code)] = await remembered(codeDigests, String(url), () => digestCode(url));
    // A factory, of a package as well, may have been given a function: then the file that called it is code of the stage, too.
    const [innermost, ...callers] = node.node.definedIn().filter((file) => config.isUsers(file));
    if (innermost !== undefined) code[freeKey('stage', code)] = await usersCode([innermost, ...callers]);
    // The text of a function says nothing of the variables that it uses.
    if (holdsFunction(node.node.options)) code[freeKey('configuration', code)] = await usersCode([config.file]);
    return code;
  };
  return {
    async parts(node, inputs) {
      const { stage } = node.node;
      return {
        format: fingerprintFormat,
        stage: stage.name,
        version: stage.version,
        code: await inTheirCode(node, 'code', () => codeOf(node)),
        tools: await inTheirCode(node, 'tools', async () => (await stage.tools?.(node.node.options)) ?? {}),
        options: await plain(node).catch(atNode(node)),
        inputs: Object.fromEntries(Object.entries(inputs).map(([slot, given]) => [slot, digestsOf(given)])),
      };
    },
    async sourcesUnchanged(node, parts) {
      const now = await plain(node).catch(atNode(node));
      if (JSON.stringify(now) !== JSON.stringify(parts.options)) {
        throw failure('MF3003', `a source of \`${node.name}\` changed while the stage read it`, { hint: 'Nothing was stored. Run again.' });
      }
    },
  };
}

/** Without those options that only say how it is done. */
function decisive({ node: { stage, options } }: GraphNode): Readonly<Record<string, unknown>> {
  const { manner } = stage;
  return manner === undefined ? options : Object.fromEntries(Object.entries(options).filter(([name]) => !manner.includes(name)));
}

function keyOf(source: Source): string {
  return `${source.source} ${source.path}`;
}

/** Two files may have the same name in different folders; a stage names them in one order. */
function freeKey(wish: string, taken: Readonly<Record<string, string>>): string {
  let key = wish;
  for (let count = 2; Object.hasOwn(taken, key); count++) key = `${wish} (${count})`;
  return key;
}

/** A missing file is a mistake in the configuration: its place is where the stage was called. */
function atNode(node: GraphNode): (error: unknown) => never {
  return (error) => {
    const at = node.node.place();
    if (!(error instanceof ModelflowError) || !at) throw error;
    const diagnostics = error.diagnostics.map((each) => ({
      ...each,
      message: `${node.node.stage.name}: ${each.message}`,
      at: each.at ?? at,
    }));
    throw new ModelflowError(diagnostics, { cause: error });
  };
}

function digestsOf(given: Inputs[string]): string | readonly string[] {
  return isList(given) ? given.map((each) => each.digest) : given.digest;
}

/** A file that a stage names as its code. MF1107 when it is not there. */
async function digestCode(url: URL): Promise<string> {
  const path = fileURLToPath(url);
  return (await digestSource({ source: 'file', path }, path)).digest;
}

function remembered<T>(memory: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = memory.get(key);
  if (known) return known;
  const made = make();
  memory.set(key, made);
  return made;
}
