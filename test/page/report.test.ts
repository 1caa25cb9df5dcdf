import { describe, expect, it } from 'vitest';
import { viewOf } from '../../core/plan/view.ts';
import { reportPage } from '../../core/report/page/page.ts';
import { runRecord } from '../../core/report/page/record.ts';
import { digest, parts, plan, stamped } from '../report/events.ts';
import { ownStages } from '../support/own-stages.ts';
import { makeRig, type Rig } from '../support/rig.ts';
import { faintTexts, useBrowser } from './browser.ts';
import { build, hostile, measuring, rewrite } from './fixture.ts';

const browser = useBrowser();
const pageOf = async (rig: Rig, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await rig.run('report', ...args);
  expect(code, stderr).toBe(0);
  return `file://${stdout.trim()}`;
};

/** Two runs: the second measures better than the release before it. */
async function twoReleases(): Promise<Rig> {
  const rig = measuring(build(0.8, 'cat'));
  expect((await rig.run('run')).code).toBe(0);
  rewrite(rig, build(0.85, 'cat'));
  expect((await rig.run('run')).code).toBe(0);
  return rig;
}

describe('the report of a run', () => {
  it('is one file that asks nobody for anything and that its own policy does not stop', async () => {
    const { page, requests, complaints } = await browser.open(await pageOf(await twoReleases()));
    expect(await page.title()).toMatch(/^own dev: done in .*: 3 made, 1 reused$/);
    expect(await page.locator('main > *').evaluateAll((parts) => parts.map(({ id }) => id))).toEqual([
      'head',
      'metrics',
      'charts',
      'verdicts',
      'graph',
      'timeline',
      'deployments',
      'stages',
    ]);
    expect(requests).toEqual([]);
    expect(complaints).toEqual([]);
    // The policy is really in force: what it does not name is stopped.
    const stopped = page.waitForEvent('console', (message) => message.text().includes('Content Security Policy'));
    await page.evaluate(`document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/x.png' }))`);
    await stopped;
  });

  it('tells each metric with its change against the last release, in words too', async () => {
    const rig = await twoReleases();
    const { page } = await browser.open(await pageOf(rig));
    const row = page.locator('#metrics tbody tr', { hasText: 'after' });
    expect(await row.locator('td').allInnerTexts()).toEqual([
      expect.stringMatching(/^85\.00 %\s+▲ \+5\.00 points better$/),
      expect.stringMatching(/^2 ms\s+= unchanged$/),
      expect.stringMatching(/^1\.0 kB\s+= unchanged$/),
    ]);
    expect(await page.locator('#metrics tfoot').innerText()).toMatch(/before → after.*▼ -5\.00 points worse.*▼ -75\.0 % better/s);
    const first = await browser.open(await pageOf(rig, '--run', '1', '--out', 'first.html'));
    expect(await first.page.locator('#metrics').innerText()).toContain('There is no earlier release to compare with.');
  });

  it('draws what the kind of an artifact declares: the trade-off, the matrix and the table', async () => {
    const { page } = await browser.open(await pageOf(await twoReleases()));
    const plot = page.locator('#charts svg.plot');
    expect(await plot.getAttribute('aria-label')).toContain('hits against delay of 2 artifacts; before, after are not beaten');
    expect(await plot.locator('.disc').count()).toBe(2);
    const matrix = page.locator('#charts table.matrix').first();
    expect(await matrix.locator('tbody tr').first().innerText()).toMatch(/cat\s+40\s+10/);
    expect(await matrix.locator('td').nth(1).getAttribute('title')).toBe('truth cat, guess dog: 10, 20.00 % of the row');
    expect(await page.locator('#charts').innerText()).toContain('Each label');
  });

  it('shows gates with verdicts, the deployment, attempts over time, and each artifact with what it was made of', async () => {
    const { page } = await browser.open(await pageOf(await twoReleases()));
    expect(await page.locator('#verdicts tbody tr').allInnerTexts()).toEqual([
      expect.stringContaining('after.hits at least 0.5'),
      expect.stringContaining('hits drops by at most 0.2'),
    ]);
    expect(await page.locator('#deployments tbody').innerText()).toMatch(/released.*service.*svc on place/s);
    expect(await page.locator('#timeline tbody tr').count()).toBe(5);
    await page.getByRole('button', { name: 'Open all' }).click();
    const wrap = page.locator('.stage', { hasText: 'wrap' }).first();
    expect(await wrap.innerText()).toMatch(/model\s+[0-9a-f]{12} from after/);
    expect(await wrap.innerText()).toContain('after came first, and gave it other bytes than before');
  });

  it('shows what somebody wrote as text, never as markup, and follows no address that is a script', async () => {
    const rig = measuring(build(0.8, hostile));
    await rig.run('run');
    const { page, requests, complaints } = await browser.open(await pageOf(rig));
    await page.getByRole('button', { name: 'Open all' }).click();
    expect(await page.locator('#stages pre').allInnerTexts()).toContainEqual(expect.stringContaining(hostile));
    expect(await page.evaluate('window.stolen')).toBeUndefined();
    expect(await page.locator('main img, main script, a[href^="javascript"]').count()).toBe(0);
    expect([...requests, ...complaints]).toEqual([]);
  });

  it('begins with what went wrong, and what to do', async () => {
    const rig = ownStages(`
      const ok = kept({ a: 1 });
      const bad = stage('bad', async ({ log }) => { log.info('so far so good'); throw failure('MF3101', 'the bytes are <nonsense>', { hint: 'Use other bytes.' }); }, { inputs: { from: Anything } })({ from: ok, retries: { times: 1, firstPauseMs: 1 } });
      return { ok, bad, after: stage('after', async () => ({}), { inputs: { from: Anything } })({ from: bad }) };`);
    expect((await rig.run('run')).code).toBe(1);
    const { page } = await browser.open(await pageOf(rig));
    expect(await page.locator('main > *').nth(1).getAttribute('id')).toBe('problems');
    const problems = await page.locator('#problems').innerText();
    expect(problems).toMatch(/✗ failed bad.*MF3101 the bytes are <nonsense>.*Next: Use other bytes\..*1 stage was skipped/s);
    expect(await page.locator('#timeline rect.failed').count()).toBe(2);
    expect(await page.locator('#graph a.skipped').getAttribute('aria-label')).toBe('after: after, skipped');
  });

  it('names the run that is asked for, tells which there are, and never replaces a file that is no report', async () => {
    const rig = ownStages('return { a: kept({}) };');
    const none = await rig.run('report');
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('MF1220')]);
    await rig.run('run');
    const wrong = await rig.run('report', '--run', '7');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/MF1220: there is no run `7`.*\n.*The last ones are 000001-/)]);
    rig.write('report.html', '<p>my own</p>');
    const kept = await rig.run('report');
    expect([kept.code, kept.stderr, rig.read('report.html')]).toEqual([2, expect.stringContaining('MF1221'), '<p>my own</p>']);
    expect((await rig.run('report', '--out', '-')).stdout).toMatch(/^<!doctype html>/);
    expect((await rig.run('report', '--out', 'other.html')).code).toBe(0);
    expect((await rig.run('report', '--out', 'other.html')).code).toBe(0);
  });
});

describe('a reader of the report', () => {
  it.each(['light', 'dark'] as const)('can read every text on %s ground', async (colorScheme) => {
    const { page } = await browser.open(await pageOf(await twoReleases()), { colorScheme });
    await page.evaluate('for (const each of document.querySelectorAll("details")) each.open = true');
    const { looked, faint } = (await page.evaluate(faintTexts)) as { readonly looked: number; readonly faint: readonly string[] };
    expect(faint).toEqual([]);
    expect(looked).toBeGreaterThan(80);
    const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(ground).toBe(colorScheme === 'dark' ? 'rgb(18, 20, 25)' : 'rgb(251, 250, 248)');
  });

  it('chooses another theme, which is kept', async () => {
    const { page } = await browser.open(await pageOf(await twoReleases()), { colorScheme: 'light' });
    const button = page.getByRole('button', { name: 'Theme: system' });
    await button.click();
    await page.getByRole('button', { name: 'Theme: light' }).click();
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(18, 20, 25)');
    await page.reload();
    expect(await page.getByRole('button', { name: 'Theme: dark' }).count()).toBe(1);
  });

  it('gets everywhere with the keyboard: past the navigation, from the graph to a stage, which opens', async () => {
    const { page } = await browser.open(await pageOf(await twoReleases()));
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('content');
    await page.locator('#graph a', { hasText: 'wrap' }).focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction('document.querySelector(".stage:target")?.open');
    expect(await page.evaluate('document.activeElement.closest(".stage").innerText')).toContain('wrap');
  });

  it('finds a stage among many', async () => {
    const { page } = await browser.open(await pageOf(await twoReleases()));
    await page.getByLabel('Find').fill('measure after');
    expect(await page.locator('.stage:visible').count()).toBe(1);
    expect(await page.locator('#found').innerText()).toBe('1 of 4');
  });

  it('who has no script sees all of it, and no control that would do nothing', async () => {
    const { page } = await browser.open(await pageOf(await twoReleases()), { javaScriptEnabled: false });
    expect(await page.locator('button:visible, input:visible').count()).toBe(0);
    await page.locator('.stage summary').first().click();
    expect(await page.locator('.stage .inner').first().isVisible()).toBe(true);
    expect(await page.locator('time').first().innerText()).toMatch(/UTC$/);
  });

  it('hears of each picture in words, and of every table by a name', async () => {
    const { page } = await browser.open(await pageOf(await twoReleases()));
    expect(await page.locator('svg:not(svg svg):not([aria-label])').count()).toBe(0);
    expect(await page.locator('section > * table:not(:has(caption)):not(details details table):not(.stage table)').count()).toBe(0);
    expect(await page.locator('#graph a.node').first().getAttribute('aria-label')).toMatch(/: measure, reused$/);
  });
});

it('the report of a thousand stages stays small and can be used', async () => {
  const count = 1000;
  const names = Array.from({ length: count }, (_, index) => `n${index}`);
  const steps = names.map((node) => ({
    node,
    stage: 'next',
    lastMs: 1,
    do: 'run' as const,
    because: [{ why: 'never-ran' as const }],
    fingerprint: digest,
  }));
  const view = viewOf(
    stamped([
      { type: 'run-started', run: 'r1', pipeline: 'many', profile: 'dev', modelflow: '0', plan: { ...plan, steps, gates: [] } },
      ...names.flatMap((node) => [
        { type: 'node-started', node, stage: 'next', attempt: 1, fingerprint: digest, parts } as const,
        {
          type: 'node-finished',
          node,
          fingerprint: digest,
          digest,
          facts: { index: node, more: { a: 1, b: [1, 2, 3] } },
          sizeBytes: 1,
          durationMs: 1,
        } as const,
      ]),
      { type: 'run-ended', outcome: 'ok', durationMs: 1 },
    ]),
  );
  const graph = {
    nodes: names.map((name) => ({ name, stage: 'next', kind: 'anything' })),
    edges: names.slice(1).map((to, index) => ({ from: `n${Math.floor(index / 3)}`, to, slot: 'from', gate: false })),
  };
  const nothing = { baseline: undefined, by: undefined, commit: undefined, planDigest: undefined };
  const record = runRecord({ view, graph, kinds: new Map(), file: () => undefined, approvals: [], isAlive: false, root: '/', ...nothing });
  const rig = makeRig({ 'report.html': await reportPage(record) });
  const { page, complaints } = await browser.open(`file://${rig.path('report.html')}`);
  expect(await page.locator('#graph a.node').count()).toBe(count);
  expect(await page.locator('#graph a.node:not([tabindex="-1"])').count()).toBe(0);
  await page.getByLabel('Find').fill('n777');
  expect(await page.locator('.stage:visible').count()).toBe(1);
  expect(rig.read('report.html').length).toBeLessThan(3_000_000);
  expect(complaints).toEqual([]);
});
