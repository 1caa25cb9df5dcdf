import type { Sample } from '../../core/index.ts';

const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const label = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)/y;

/**
 * Reads a page of the Prometheus text format, version 0.0.4; comments and time stamps are left out.
 * https://prometheus.io/docs/instrumenting/exposition_formats/ Throws on a line that is none of it.
 */
export function parseMetrics(page: string): readonly Sample[] {
  return page.split('\n').flatMap((text, index) => {
    const trimmed = text.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const [whole, name = '', labels = '', value = ''] = line.exec(trimmed) ?? [];
    if (whole === undefined) throw new Error(`line ${index + 1} is no sample: ${trimmed.slice(0, 120)}`);
    return [{ name, labels: parseLabels(labels, index + 1), value: parseValue(value, index + 1) }];
  });
}

function parseLabels(text: string, at: number): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  label.lastIndex = 0;
  while (label.lastIndex < text.length) {
    const [whole, name = '', value = ''] = label.exec(text) ?? [];
    if (whole === undefined) throw new Error(`line ${at} has labels that cannot be read: {${text.slice(0, 120)}}`);
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return labels;
}

function parseValue(text: string, at: number): number {
  const special: Readonly<Record<string, number>> = {
    '+inf': Number.POSITIVE_INFINITY,
    inf: Number.POSITIVE_INFINITY,
    '-inf': Number.NEGATIVE_INFINITY,
    nan: Number.NaN,
  };
  const known = special[text.toLowerCase()];
  if (known !== undefined) return known;
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`line ${at} has the value ${text}, which is no number`);
  return value;
}
