import { describe, expect, test } from 'vitest';
import { planMarkdown } from '../../core/report/plan-markdown.ts';
import { planText } from '../../core/report/plan-text.ts';
import type { LiveChange, Plan, Step } from '../../core/spec/plan.ts';

const digest = '0123456789abcdef'.repeat(4);
const live = (action: LiveChange['action'], changes: LiveChange['changes'] = []): LiveChange => ({
  target: 'local',
  service: 'digits',
  action,
  changes,
  drift: [],
  url: undefined,
  token: 't',
});
const reuse = (node: string, stage: string): Step => ({ node, stage, lastMs: 120, do: 'reuse', digest, fingerprint: digest });

const plan: Plan = {
  format: 2,
  pipeline: 'digits',
  profile: 'production',
  steps: [
    reuse('model', 'keras-model'),
    {
      node: 'onnx',
      stage: 'to-onnx',
      lastMs: 9800,
      do: 'run',
      fingerprint: digest,
      because: [
        { why: 'option-changed', path: 'opset', from: 13, to: 17 },
        { why: 'option-changed', path: 'large', from: undefined, to: true },
        { why: 'option-changed', path: 'name', from: 'a', to: undefined },
        { why: 'tool-changed', what: 'tf2onnx', from: '1.16.1', to: '1.17.0' },
        { why: 'input-changed', slot: 'model', from: digest, to: 'f'.repeat(64) },
        { why: 'source-changed', path: 'data', from: '10 bytes, sha256 aaaaaaaaaaaa', to: '12 bytes, sha256 bbbbbbbbbbbb' },
        { why: 'code-changed', what: 'bridge.py', from: digest, to: undefined },
      ],
    },
    { node: 'report', stage: 'evaluate', lastMs: undefined, do: 'run', fingerprint: digest, because: [{ why: 'last-run-failed' }] },
    { node: 'int8', stage: 'quantize', lastMs: 4000, do: 'decide-later', after: ['onnx'] },
    {
      node: 'service',
      stage: 'deploy',
      lastMs: 2000,
      do: 'decide-later',
      after: ['int8'],
      live: live('replace', [
        { path: 'port', before: 8080, after: 8081 },
        { path: 'host', before: undefined, after: '0.0.0.0' },
        { path: 'token', before: 'x', after: undefined },
      ]),
    },
    { node: 'canary', stage: 'deploy', lastMs: 2000, do: 'keep', digest: undefined, fingerprint: digest, live: live('held') },
    { node: 'old', stage: 'deploy', lastMs: 2000, do: 'keep', digest, fingerprint: digest, live: live('none') },
  ],
  gates: [
    { node: 'int8', text: 'report.accuracy at least 0.92', verdict: 'fail', detail: 'accuracy is 0.91: missed by 0.01' },
    { node: 'service', text: 'after.accuracy at least 0.9', verdict: 'decided-later', detail: '' },
  ],
  policies: [],
  approvals: [],
};

test('a plan in text: a line for each step and each further reason, the gates, and what it comes to', () => {
  expect(planText(plan)).toMatchInlineSnapshot(`
    "Plan of digits, profile production

      = reuse   model    keras-model
      + run     onnx     to-onnx      about 9.8 s  option \`opset\` changed: 13 -> 17
                                                   option \`large\` is new: true
                                                   option \`name\` is gone (was "a")
                                                   tool tf2onnx changed: 1.16.1 -> 1.17.0
                                                   input \`model\` changed: 0123456789ab -> ffffffffffff
                                                   bytes of \`data\` changed: 10 bytes, sha256 aaaaaaaaaaaa -> 12 bytes, sha256 bbbbbbbbbbbb
                                                   code of \`bridge.py\` is gone (was 0123456789ab)
      + run     report   evaluate                  failed the last time
      ? later   int8     quantize     about 4.0 s  after onnx; reused if the bytes come out the same
      ~ change  service  deploy       about 2.0 s  after int8; left alone if the bytes come out the same
                                                   digits on local would be replaced otherwise
                                                     port: 8080 -> 8081
                                                     host: "0.0.0.0" (new)
                                                     token: "x" (removed)
      ! held    canary   deploy                    digits on local is held back: this release was refused before; --force deploys it all the same
      = keep    old      deploy                    digits on local is live as wanted

    Gates
      REFUSED  int8     report.accuracy at least 0.92: accuracy is 0.91: missed by 0.01
      later    service  after.accuracy at least 0.9

    2 to run, 1 decided later, 1 reused, 1 live as wanted, 1 live change, 1 held back, 1 gate refused; 9.8 s and more"
  `);
});

test('colour adds nothing that the words do not say', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken away.
  expect(planText(plan, { color: true }).replace(/\u001b\[\d+m/g, '')).toBe(planText(plan));
});

describe('the last line of a plan', () => {
  const lastLine = (steps: readonly Step[]): string | undefined =>
    planText({ ...plan, steps, gates: [] })
      .split('\n')
      .at(-1);
  const run = (lastMs: number | undefined): Step => ({
    node: 'a',
    stage: 's',
    lastMs,
    do: 'run',
    because: [{ why: 'forced' }],
    fingerprint: digest,
  });
  const later = (lastMs: number | undefined): Step => ({ node: 'b', stage: 's', lastMs, do: 'decide-later', after: ['a'] });

  test.each<[string, readonly Step[]]>([
    ['Nothing to do: the pipeline is empty.', []],
    ['Nothing to do: 2 reused.', [reuse('a', 's'), reuse('b', 's')]],
    ['1 to run; about 1.5 s', [run(1500)]],
    ['1 to run', [run(undefined)]],
    ['2 to run; 1.5 s and more', [run(1500), run(undefined)]],
    ['1 to run, 1 decided later; about 1.5 s, at most 3.5 s', [run(1500), later(2000)]],
    ['1 decided later; at most about 2.0 s', [later(2000)]],
  ])('%s', (line, steps) => {
    expect(lastLine(steps)).toBe(line);
  });
});

describe('a plan as a pull request comment', () => {
  test('begins with the summary, folds what stays, and shows live changes as a diff', () => {
    expect(planMarkdown(plan)).toMatchInlineSnapshot(`
      "<!-- modelflow plan: digits/production -->
      ### Plan of \`digits\`, profile \`production\`

      > [!CAUTION]
      > **A run would be refused.** **2 to run, 1 decided later, 1 reused, 1 live as wanted, 1 live change, 1 held back, 1 gate refused; 9.8 s and more**

      **Gates that refuse**

      | Verdict | Before | Gate | Measured |
      | --- | --- | --- | --- |
      | **REFUSED** | \`int8\` | report.accuracy at least 0.92 | accuracy is 0.91: missed by 0.01 |

      **Live change**: digits on local, unless what it is made of comes out the same

      \`\`\`diff
      - port: 8080
      + port: 8081
      + host: "0.0.0.0"
      - token: "x"
      \`\`\`

      |  | Stage | Plan | Why | Last time |
      | --- | --- | --- | --- | --- |
      | \`onnx\` | \`to-onnx\` | **run** | option \`opset\` changed: 13 -&gt; 17<br>option \`large\` is new: true<br>option \`name\` is gone (was "a")<br>tool tf2onnx changed: 1.16.1 -&gt; 1.17.0<br>input \`model\` changed: 0123456789ab -&gt; ffffffffffff<br>bytes of \`data\` changed: 10 bytes, sha256 aaaaaaaaaaaa -&gt; 12 bytes, sha256 bbbbbbbbbbbb<br>code of \`bridge.py\` is gone (was 0123456789ab) | 9.8 s |
      | \`report\` | \`evaluate\` | **run** | failed the last time |  |
      | \`int8\` | \`quantize\` | **later** | after \`onnx\`; reused if the bytes come out the same | 4.0 s |
      | \`service\` | \`deploy\` | **change** | after \`int8\`; left alone if the bytes come out the same<br>digits on local would be replaced otherwise | 2.0 s |
      | \`canary\` | \`deploy\` | **held** | digits on local is held back: this release was refused before; --force deploys it all the same | 2.0 s |

      **Gates**

      | Verdict | Before | Gate | Measured |
      | --- | --- | --- | --- |
      | later | \`service\` | after.accuracy at least 0.9 |  |

      <details><summary>2 steps that stay as they are</summary>

      |  | Stage | Plan | Digest |
      | --- | --- | --- | --- |
      | \`model\` | \`keras-model\` | reuse | \`0123456789ab\` |
      | \`old\` | \`deploy\` | keep | \`0123456789ab\` |

      </details>

      "
    `);
  });

  test('keeps markup, mentions and ends of cells out of what the plan says', () => {
    const [, run] = plan.steps;
    const nasty = '</td>|`x`@team http://a ![x](y)\n```\n';
    const steps = [{ ...(run as Step & { do: 'run' }), because: [{ why: 'option-changed', path: nasty, from: nasty, to: 1 } as const] }];
    const gates = [{ node: 'a|b', text: nasty, verdict: 'pass', detail: '' } as const];
    const text = planMarkdown({ ...plan, steps, gates });
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    for (const row of rows.filter((line) => line.includes('team'))) {
      const outside = row.replace(/(`+)(?!`).*?[^`]\1(?!`)/g, '');
      expect(outside).not.toMatch(/<(?!br>)|@team|!\[|[^\\]\[x/);
      // A bar ends a cell even inside a code span, unless a backslash is before it.
      expect(row.match(/(?<!\\)\|/g)?.length).toBe(row.includes('option') ? 6 : 5);
    }
    expect(rows.filter((line) => line.includes('team'))).toHaveLength(2);
  });

  test('of ten thousand steps fits into a comment, is whole, and says what is left out', () => {
    const steps = Array.from({ length: 10_000 }, (_, index): Step => ({ ...(plan.steps[1] as Step), node: `node-${index}` }));
    const text = planMarkdown({
      ...plan,
      steps: [...steps, ...steps.map((step) => reuse(step.node, 's'))],
      gates: [...plan.gates, ...plan.gates],
    });
    expect(text.length).toBeLessThanOrEqual(65_000);
    expect(text).toMatch(/\*\*10000 to run, 10000 reused/);
    expect(text).toMatch(/_\d+ more rows do not fit here/);
    expect(text.match(/<details>/g)?.length ?? 0).toBe(text.match(/<\/details>/g)?.length ?? 0);
    expect((text.match(/^```/gm)?.length ?? 0) % 2).toBe(0);
  });

  test('whatever the limit, what is open is closed', () => {
    for (let limit = 300; limit < 4000; limit += 37) {
      const text = planMarkdown(plan, { limit });
      expect(text.length).toBeLessThanOrEqual(limit + 120);
      expect(text.match(/<details>/g)?.length ?? 0).toBe(text.match(/<\/details>/g)?.length ?? 0);
      expect((text.match(/^```/gm)?.length ?? 0) % 2).toBe(0);
    }
  });
});
