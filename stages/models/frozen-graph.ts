import { constants, copyFile, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { defineStage, failure, file, z } from '../../core/index.ts';
import { FrozenGraph } from '../kinds.ts';
import { textOf, WireError, wireFields } from '../lib/protobuf.ts';
import { processingOption } from './keras-model.ts';
import { foundInstead, notAModel } from './not-a-model.ts';

const ends = z.array(z.string().min(1)).min(1);

/** A frozen TensorFlow graph (.pb): a `GraphDef` whose variables are constants. MF3101 when it is something else, or has no such nodes. */
export const frozenGraph = defineStage({
  name: 'frozen-graph',
  version: 1,
  inputs: {},
  options: {
    path: file().describe('.pb'),
    inputs: ends.describe('names of the input tensors, with or without `:0`'),
    outputs: ends.describe('names of the output tensors, with or without `:0`'),
    processing: processingOption,
  },
  output: FrozenGraph,
  async run({ options, out }) {
    const { path } = options.path;
    const nodes = await nodesOf(path);
    checkEnds(path, 'input', options.inputs, nodes);
    checkEnds(path, 'output', options.outputs, nodes);
    const model = 'graph.pb';
    await copyFile(path, join(out, model), constants.COPYFILE_FICLONE);
    const { size } = await stat(join(out, model));
    return { model, inputs: options.inputs, outputs: options.outputs, processing: options.processing, sizeBytes: size };
  },
});

interface GraphNode {
  readonly name: string;
  readonly operator: string;
  readonly inputs: readonly string[];
}

/** `GraphDef.node` 1; `NodeDef`: name 1, op 2, input 3. */
async function nodesOf(path: string): Promise<readonly GraphNode[]> {
  const nodes: GraphNode[] = [];
  try {
    for (const field of wireFields(await readFile(path))) {
      if (field.number === 1 && field.wire === 2) nodes.push(nodeOf(field.bytes));
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    nodes.length = 0;
  }
  if (nodes.length > 0 && nodes.every((node) => node.name !== '' && node.operator !== '')) return nodes;
  const hint = basename(path) === 'saved_model.pb' ? { hint: 'This belongs to a SavedModel: use savedModel with the folder.' } : {};
  throw notAModel(path, 'a frozen TensorFlow graph', await foundInstead(path), hint);
}

function nodeOf(bytes: Uint8Array): GraphNode {
  const inputs: string[] = [];
  let [name, operator] = ['', ''];
  for (const field of wireFields(bytes)) {
    if (field.number === 1) name = textOf(field);
    else if (field.number === 2) operator = textOf(field);
    else if (field.number === 3) inputs.push(textOf(field));
  }
  return { name, operator, inputs };
}

function checkEnds(path: string, end: 'input' | 'output', wanted: readonly string[], nodes: readonly GraphNode[]): void {
  const names = new Set(nodes.map((node) => node.name));
  const missing = wanted.find((name) => !names.has(plain(name)));
  if (missing === undefined) return;
  const used = new Set(nodes.flatMap((node) => node.inputs.map(plain)));
  const likely = nodes.filter((node) => (end === 'input' ? node.operator === 'Placeholder' : !used.has(node.name)));
  throw failure('MF3101', `${basename(path)} has no node ${plain(missing)} to be its ${end}`, {
    hint: `Likely ${end}s: ${
      likely
        .slice(0, 8)
        .map((node) => node.name)
        .join(', ') || 'none'
    }.`,
  });
}

/** `^name` is a control edge, `name:1` the second output. */
function plain(name: string): string {
  return name.replace(/^\^/, '').replace(/:\d+$/, '');
}
