import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../core/spec/event.ts';
import { anythingMayBeLost, everythingKept } from './crash-model.ts';
import { expectDense, expectWholeStore, finishedIn } from './invariants.ts';
import { randomFrom, seedOf } from './random.ts';
import { graphArbitrary, graphOfNodes, type NodeSketch, textOf } from './random-graph.ts';
import { acknowledgedBefore, fastFolder, nothingYet, type Process, recordRun, type Standpoint, worldAt } from './scenario.ts';

const seed = seedOf('FAULT_SEED');
const numRuns = Number(process.env['FAULT_GRAPHS'] ?? 100);
const folder = fastFolder();
afterAll(() => folder.remove());

const ends = new Set(['node-finished', 'node-reused', 'node-failed', 'node-skipped']);

/** What must hold of the events of one run, however far it came. */
function expectInOrder(nodes: readonly NodeSketch[], events: readonly RunEvent[], finishedBefore: ReadonlySet<string>): void {
  const made = new Set<string>();
  const over = new Set<string>();
  const attempts = new Map<string, number>();
  for (const event of events) {
    if (!('node' in event) || event.node === undefined) continue;
    const { node, type } = event;
    if (type === 'node-started') {
      const sketch = nodes[Number(node.slice(1))] as NodeSketch;
      for (const input of sketch.inputs) expect(made, `${node} began before n${input} was made`).toContain(`n${input}`);
      expect(over, `${node} began after its end`).not.toContain(node);
      expect(event.attempt).toBe((attempts.get(node) ?? 0) + 1);
      expect(event.attempt).toBeLessThanOrEqual(sketch.retries + 1);
      attempts.set(node, event.attempt);
      expect(finishedBefore, `${node} was finished and ran again`).not.toContain(event.fingerprint);
    }
    if (!ends.has(type)) continue;
    expect(over, `${node} ended twice`).not.toContain(node);
    over.add(node);
    if (type === 'node-finished' || type === 'node-reused') {
      made.add(node);
      expect(event.facts).toEqual({ text: textOf(nodes, Number(node.slice(1))) });
    }
  }
}

/** A run that came to its end says of each node how it ended, and of itself what follows from that. */
function expectWholeRun(nodes: readonly NodeSketch[], process: Process, events: readonly RunEvent[], keepGoing: boolean): void {
  if ('thrown' in process.ended) throw process.ended.thrown;
  const endOf = new Map(
    events.flatMap((event) => (ends.has(event.type) && 'node' in event && event.node ? [[event.node, event.type]] : [])),
  );
  expect(endOf.size).toBe(nodes.length);
  const isAllMade = [...endOf.values()].every((type) => type === 'node-finished' || type === 'node-reused');
  expect(process.ended.result.outcome).toBe(isAllMade ? 'ok' : 'failed');
  if (!isAllMade) expect([...endOf.values()]).toContain('node-failed');
  for (const event of events) {
    if (event.type !== 'node-skipped') continue;
    const failed = upstreamOf(nodes, Number(event.node.slice(1))).filter((each) => endOf.get(each) === 'node-failed');
    for (const each of event.because) expect(failed, `${event.node} was skipped for it`).toContain(each);
    // Without --keep-going what was not begun yet is skipped because of nothing; with it, only what can no longer be made.
    if (keepGoing) expect(event.because, `${event.node} was skipped`).not.toEqual([]);
  }
}

function upstreamOf(nodes: readonly NodeSketch[], index: number): readonly string[] {
  return (nodes[index]?.inputs ?? []).flatMap((input) => [`n${input}`, ...upstreamOf(nodes, input)]);
}

describe('any graph, with stages that fail, take their time and are tried again', () => {
  it('is made in order, is made once, and is finished by later runs, killed or not', { timeout: 3_600_000 }, async () => {
    let runs = 0;
    const property = fc.asyncProperty(graphArbitrary, async ({ nodes, cuts, order, concurrency, keepGoing }) => {
      let at: Standpoint = nothingYet;
      const finished = new Set<string>();
      const random = randomFrom(order);
      const once = async (isHealed: boolean): Promise<Process> => {
        runs++;
        const configure = graphOfNodes(nodes, isHealed);
        const done = await recordRun({ from: at, root: `${folder.path}/project`, random, concurrency, keepGoing, configure });
        const events = acknowledgedBefore(done, done.trace.now()).filter((event) => event.type !== 'node-output');
        expectDense(events, 'acknowledged');
        expectInOrder(nodes, events, finished);
        expectWholeRun(nodes, done, events, keepGoing);
        return done;
      };
      for (const cut of cuts) {
        const done = await once(false);
        const point = Math.floor(cut * done.trace.now());
        for (const fingerprint of finishedIn(acknowledgedBefore(done, point))) finished.add(fingerprint);
        at = {
          image: done.trace.imageAt(point, cut < 0.5 ? everythingKept : anythingMayBeLost(random)),
          world: worldAt(done, point, at.world),
        };
      }
      const healed = await once(true);
      expect(healed.ended).toMatchObject({ result: { outcome: 'ok' } });
      await expectWholeStore(`${folder.path}/project`, healed.files, 'healed');
      for (const fingerprint of finishedIn(acknowledgedBefore(healed, healed.trace.now()))) finished.add(fingerprint);
      at = healed.after;
      const again = await once(true);
      expect(acknowledgedBefore(again, again.trace.now()).filter(({ type }) => type === 'node-started')).toEqual([]);
    });
    await fc.assert(property, { seed, numRuns });
    console.log(`graphs: ${numRuns} graphs, ${runs} runs, FAULT_SEED=${seed}`);
  });
});
