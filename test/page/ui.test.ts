import { type IncomingHttpHeaders, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ownStages } from '../support/own-stages.ts';
import type { Rig } from '../support/rig.ts';
import { useBrowser } from './browser.ts';

const browser = useBrowser();

/** `modelflow ui` on a free port; it is stopped when the test ends. */
async function serve(rig: Rig): Promise<string> {
  const ui = rig.start(['ui', '--port', '0']);
  onTestFinished(async () => {
    ui.child.kill('SIGTERM');
    expect((await ui.finished).code).toBe(0);
  });
  let said = '';
  ui.child.stderr?.on('data', (text: string) => {
    said += text;
  });
  await ui.says('are shown at');
  return /http:\S+(?=;)/.exec(said)?.[0] ?? '';
}

const get = (url: string, headers: Readonly<Record<string, string>> = {}, method = 'GET', host = '127.0.0.1') =>
  new Promise<{ readonly status: number | undefined; readonly text: string; readonly headers: IncomingHttpHeaders }>((resolve, reject) => {
    const { port, pathname } = new URL(url);
    request({ host, port, path: pathname, headers, method }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode, text, headers: response.headers }));
    })
      .on('error', reject)
      .end();
  });

/** The second stage waits until there is a file. */
const waiting = `
  const first = kept({ a: 1 });
  const second = stage('second', async ({ log, signal }) => { log.info('waiting for the file'); while (!existsSync('go.txt')) await pause(5, undefined, { signal }); return { b: 2 }; }, { inputs: { from: Anything } })({ from: first });
  return { first, second };`;

describe('modelflow ui', () => {
  it('shows a run of another process while it goes on: what was opened stays open, and the end is seen without a reload', async () => {
    const rig = ownStages(waiting);
    const url = await serve(rig);
    const { page, complaints } = await browser.open(url);
    expect(await page.locator('h1').innerText()).toBe('No run yet');
    const run = rig.start(['run']);
    const second = page.locator('.stage', { hasText: 'second' });
    await second.locator('.badge', { hasText: 'running' }).waitFor();
    expect(await page.locator('.outcome').innerText()).toMatch(/running: 1 of 2 stages ended/);
    expect(await page.locator('#live').innerText()).toBe('● live');
    await second.locator('summary').first().click();
    await second.locator('pre', { hasText: 'waiting for the file' }).waitFor();
    await page.evaluate('window.sameDocument = true');
    rig.write('go.txt', '');
    await page.locator('.outcome', { hasText: 'done in' }).waitFor();
    await second.locator('.badge', { hasText: 'made' }).waitFor();
    expect(await second.getAttribute('open')).not.toBeNull();
    expect(await page.evaluate('window.sameDocument')).toBe(true);
    expect(await page.title()).toMatch(/^own dev: done/);
    expect((await run.finished).code).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('goes over to the next run by itself, and shows any of the earlier ones', async () => {
    const rig = ownStages('return { a: kept({ n: 1 }) };');
    await rig.run('run');
    const url = await serve(rig);
    const { page } = await browser.open(url);
    expect(await page.locator('#head code').first().innerText()).toMatch(/^000001-/);
    await page.waitForFunction(`document.getElementById('live').textContent === '● live'`);
    await rig.run('run', '--force');
    await page.locator('#head code', { hasText: /^000002-/ }).waitFor();
    await page.locator('#runs').selectOption({ index: 1 });
    await page.waitForURL(/\/runs\/000001-/);
    expect(await page.locator('#head code').first().innerText()).toMatch(/^000001-/);
  });

  it('says of a run whose process was killed that it was interrupted', async () => {
    const rig = ownStages(waiting);
    const run = rig.start(['run']);
    await run.says('waiting for the file');
    run.child.kill('SIGKILL');
    await run.finished;
    const { page } = await browser.open(await serve(rig));
    expect(await page.locator('.outcome').innerText()).toContain('interrupted: the run was killed after 1 of 2 stages');
    expect(await page.locator('#problems').innerText()).toContain('second was at work when the run ended');
  });

  it('answers only on this machine, only under its own name, and nothing but reads', async () => {
    const rig = ownStages('return { a: kept({}) };');
    await rig.run('run');
    const url = await serve(rig);
    expect(new URL(url).hostname).toBe('127.0.0.1');
    const port = new URL(url).port;
    const page = await get(url);
    expect(page.status).toBe(200);
    expect(page.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
    });
    expect((await get(url, { host: `localhost:${port}` })).status).toBe(200);
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', `127.0.0.1.evil.example:${port}`])
      expect(await get(url, { host })).toMatchObject({ status: 403, text: expect.not.stringContaining('000001') });
    expect((await get(url, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).status).toBe(403);
    expect((await get(url, {}, 'POST')).status).toBe(405);
    for (const path of ['/', 'runs/000009-x', 'etc/passwd', 'runs/..%2f..', 'events/nothing-there'])
      expect((await get(`${url}${path}`)).status).toBe(404);
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((each) => each && !each.internal && each.family === 'IPv4');
    if (outside) await expect(get(url, {}, 'GET', outside.address)).rejects.toThrow('ECONNREFUSED');
  });

  it('tells which port is taken, and how to find a free one', async () => {
    const rig = ownStages('return { a: kept({}) };');
    const { port } = new URL(await serve(rig));
    const second = await rig.run('ui', '--port', port);
    expect([second.code, second.stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`MF5003: port ${port} on 127.0.0.1 is in use[\\s\\S]*--port 0`)),
    ]);
  });
});
