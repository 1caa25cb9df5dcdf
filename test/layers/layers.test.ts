import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const rules = JSON.parse(readFileSync(join(repository, '.dependency-cruiser.json'), 'utf8')) as {
  readonly forbidden: readonly { readonly name: string }[];
};

interface Cruise {
  readonly summary: { readonly totalCruised: number; readonly violations: readonly { readonly rule: { readonly name: string } }[] };
}

function cruise(root: string): Promise<Cruise> {
  const program = join(repository, 'node_modules/.bin/depcruise');
  const args = [program, '--config', join(root, '.dependency-cruiser.json'), '--output-type', 'json', 'core', 'stages'];
  return new Promise((resolve, reject) => {
    // The exit code counts the violations; what matters is the report.
    execFile(process.execPath, args, { cwd: root, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout) as Cruise);
      } catch {
        reject(new Error(`dependency-cruiser printed no report: ${error?.message}\n${stderr}`));
      }
    });
  });
}

/** One tiny breach for each rule: the file that imports, and what it imports. */
const breaches: Readonly<Record<string, readonly [string, string]>> = {
  'spec-is-pure': ['core/spec/a.ts', '../plan/other.ts'],
  'plan-is-pure': ['core/plan/a.ts', '../store/other.ts'],
  'engine-knows-ports-only': ['core/engine/a.ts', '../store/other.ts'],
  'edges-know-spec-and-plan': ['core/store/a.ts', '../world/other.ts'],
  'serve-is-sealed': ['core/serve/a.ts', '../spec/other.ts'],
  'testing-puts-suites-together': ['core/testing/a.ts', '../cli/other.ts'],
  'nothing-rests-on-the-suites': ['core/cli/a.ts', '../testing/other.ts'],
  'core-knows-no-stage': ['core/cli/a.ts', '../../stages/other.ts'],
  'stages-use-the-door': ['stages/a.ts', '../core/spec/other.ts'],
  'one-owner-execa': ['core/world/a.ts', 'execa'],
  'one-owner-listr2': ['core/report/a.ts', 'listr2'],
  'one-owner-onnxruntime': ['stages/a.ts', 'onnxruntime-node'],
  'one-owner-aws-sdk': ['core/store/a.ts', '@aws-sdk/client-s3'],
  'one-owner-opentelemetry': ['core/report/a.ts', '@opentelemetry/api'],
  'one-owner-dockerode': ['stages/deploy/a.ts', 'dockerode'],
  'one-owner-kubernetes-client': ['stages/deploy/a.ts', '@kubernetes/client-node'],
  'route-is-sealed': ['core/route/a.ts', '../spec/other.ts'],
  'registry-is-a-leaf': ['core/registry/a.ts', '../store/other.ts'],
  'files-only-at-the-edges': ['core/engine/a.ts', 'node:fs'],
  'durable-steps-through-one-port': ['core/store/results.ts', 'node:fs'],
  'no-cycles': ['core/cli/a.ts', './b.ts'],
};

describe('the layers', () => {
  it('are kept by every module of the project', async () => {
    const { summary } = await cruise(repository);
    expect(summary.violations.map((each) => each.rule.name)).toEqual([]);
    // A cruise that sees nothing would be clean as well.
    expect(summary.totalCruised).toBeGreaterThan(100);
  });

  it('have a planted breach for each rule', () => {
    expect(Object.keys(breaches).sort()).toEqual(rules.forbidden.map((rule) => rule.name).sort());
  });

  it.each(Object.entries(breaches))('%s reports a planted breach', async (rule, [file, imported]) => {
    const root = mkdtempSync(join(tmpdir(), 'modelflow-layers-'));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const put = (path: string, text: string): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    for (const name of ['.dependency-cruiser.json', 'tsconfig.json', 'package.json'])
      put(name, readFileSync(join(repository, name), 'utf8'));
    symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
    put(join(dirname(file), 'b.ts'), `import './a.ts';\n`);
    if (imported.endsWith('other.ts')) put(join(dirname(file), imported), 'export const other = 1;\n');
    for (const folder of ['core', 'stages']) mkdirSync(join(root, folder), { recursive: true });
    put(file, `import '${imported}';\n`);
    const { summary } = await cruise(root);
    expect(summary.violations.map((each) => each.rule.name)).toContain(rule);
  });
});
