import { execFileSync } from 'node:child_process';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';

/** A page, and what it did that nobody asked it for. */
export interface Opened {
  readonly page: Page;
  /** Requests to anywhere but the page's own address. */
  readonly requests: readonly string[];
  /** Errors, warnings and violations of the content policy. */
  readonly complaints: readonly string[];
}

/** A real browser for all tests of a file, each page in a context of its own. */
export function useBrowser(): { open(url: string, options?: BrowserContextOptions): Promise<Opened> } {
  const opened: { browser?: Browser } = {};
  beforeAll(async () => {
    const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
    opened.browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
  });
  afterAll(() => opened.browser?.close());
  return {
    async open(url, options = {}) {
      if (!opened.browser) throw new Error('the browser has not been started');
      const page = await opened.browser.newPage(options);
      const requests: string[] = [];
      const complaints: string[] = [];
      page.on('request', (request) => {
        if (request.url() !== url && !request.url().startsWith('data:')) requests.push(request.url());
      });
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(url);
      return { page, requests, complaints };
    },
  };
}

/** Texts whose contrast against what they stand on is below 4.5 : 1, as the browser has computed both. Run in the page. */
export const faintTexts = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const linear = (value) => { const share = value / 255; return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; };
  const luminance = (color) => { const [r, g, b] = channels(color); return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b); };
  const groundOf = (element) => {
    const svg = element.closest('svg');
    if (svg && element.closest('.node')) return getComputedStyle(element.closest('.node').querySelector('rect')).fill;
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (channels(color).length === 3 || channels(color)[3] === 1) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const faint = [];
  let looked = 0;
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!own || element.closest('script, style, title, .unseen, .skip, [hidden]')) continue;
    const style = getComputedStyle(element);
    const ink = element.ownerSVGElement ? style.fill : style.color;
    const [a, b] = [luminance(ink), luminance(groundOf(element))].sort((x, y) => y - x);
    looked++;
    if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(element.className + ' ' + element.textContent.trim().slice(0, 40) + ' ' + ink + ' on ' + groundOf(element));
  }
  return { looked, faint };
})()`;
