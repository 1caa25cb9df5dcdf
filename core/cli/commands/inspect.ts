import type { ExitCode } from '../../spec/codes.ts';
import { failure } from '../../spec/diagnostic.ts';
import { named, openWorkspace, type Where } from '../workspace.ts';

export interface InspectOptions extends Where {
  readonly node: string;
  readonly output: 'text' | 'json' | 'path';
}

/** `modelflow inspect`: what a node made when it last came to its end: facts, digest, and the folder with its files. */
export async function inspectCommand(options: InspectOptions): Promise<ExitCode> {
  const { store, graph } = await openWorkspace(options);
  const past = store.past();
  for (const node of named(graph, options.node)) {
    const fingerprint = past.nodes.get(node)?.madeFingerprint;
    const result = fingerprint === undefined ? undefined : await store.results.find(fingerprint);
    const artifact = result && (await store.artifacts.open(result.digest, options.output === 'path' ? 'here' : undefined));
    if (!artifact || !result)
      throw failure('MF1206', `\`${node}\` has not been made yet`, { hint: `Run \`modelflow run --only ${node}\`.` });
    if (options.output === 'path') console.log(artifact.path);
    else if (options.output === 'json') console.log(JSON.stringify({ node, ...result, ...artifact }, undefined, 2));
    else
      console.log(
        `${node}: ${artifact.kind}, made ${result.at}\n  ${artifact.path}\n${JSON.stringify(artifact.facts, undefined, 2).replace(/^/gm, '  ')}`,
      );
  }
  return 0;
}
