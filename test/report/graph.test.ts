import { describe, expect, test } from 'vitest';
import { graphMermaid, graphSvg } from '../../core/cli/commands/graph.ts';

const graph = {
  nodes: [
    { name: 'model', stage: 'keras-model', kind: 'keras-model' },
    { name: 'report', stage: 'acme/"evaluate" <b>', kind: 'eval-report' },
    { name: 'int8.model', stage: 'to-onnx', kind: 'onnx-model' },
  ],
  edges: [
    { from: 'model', to: 'int8.model', slot: 'model', gate: false },
    { from: 'report', to: 'int8.model', slot: 'gate', gate: true },
    { from: 'model', to: 'report', slot: 'model', gate: false },
    { from: 'model', to: 'report', slot: 'data', gate: false },
  ],
};

test('a graph in Mermaid has an arrow for each slot, dotted for a gate, and no markup from names', () => {
  expect(graphMermaid(graph)).toMatchInlineSnapshot(`
    "flowchart LR
      n0["<b>model</b><br/>keras-model"]
      n1["<b>report</b><br/>acme#47;#34;evaluate#34; #60;b#62;"]
      n2["<b>int8.model</b><br/>to-onnx"]
      n0 -- "model" --> n2
      n1 -. "gate" .-> n2
      n0 -- "model" --> n1
      n0 -- "data" --> n1"
  `);
});

describe('a graph as SVG', () => {
  test.each(['constructor', 'toString', 'hasOwnProperty'])('may have a stage called %s', async (name) => {
    const nodes = [{ name, stage: 'own', kind: 'own' }, ...graph.nodes];
    const svg = await graphSvg({ nodes, edges: [{ from: name, to: 'model', slot: 'a', gate: false }, ...graph.edges] });
    expect(svg.match(/<g class="node">/g)).toHaveLength(4);
  });

  test('has every node and every edge, and escapes what is in their names', async () => {
    const svg = await graphSvg(graph);
    expect(svg.match(/<g class="node">/g)).toHaveLength(3);
    expect(svg.match(/<g class="edge[" ]/g)).toHaveLength(4);
    expect(svg.match(/<g class="edge gate">/g)).toHaveLength(1);
    expect(svg).toContain('acme/&#34;evaluate&#34; &#60;b&#62;');
    expect(svg).not.toContain('<b>');
  });

  test('stands alone, and has colours for a dark ground', async () => {
    const svg = await graphSvg(graph);
    expect(svg).not.toMatch(/<script|@import|url\((?!#)|href=/);
    expect(svg).toContain('prefers-color-scheme:dark');
  });

  test('of nothing is an empty picture', async () => {
    expect(await graphSvg({ nodes: [], edges: [] })).toMatch(/^<svg .*width="\d+" height="\d+"/);
  });

  test('puts what comes first to the left, and no two nodes over one another', async () => {
    const svg = await graphSvg(graph);
    const boxes = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g)].map((found) =>
      found.slice(1).map(Number),
    );
    const [model = [], report = [], int8 = []] = boxes;
    expect((model[0] ?? 0) + (model[2] ?? 0)).toBeLessThan(report[0] ?? 0);
    expect((report[0] ?? 0) + (report[2] ?? 0)).toBeLessThan(int8[0] ?? 0);
  });
});
