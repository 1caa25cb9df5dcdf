import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { codes } from '../../core/index.ts';
import { referencePages } from './reference.ts';

const folder = new URL('../../docs/reference/', import.meta.url);

describe('the reference', () => {
  it.each(Object.keys(referencePages()))('%s is what the code says (else: npm run docs)', (name) => {
    expect(readFileSync(new URL(name, folder), 'utf8')).toBe(referencePages()[name]);
  });

  it('has no page that is not generated', () => {
    expect(readdirSync(folder).sort()).toEqual(Object.keys(referencePages()).sort());
  });

  it('has every code, and no other', () => {
    const page = readFileSync(new URL('errors.md', folder), 'utf8');
    expect([...page.matchAll(/^## (MF\d+)/gm)].map(([, code]) => code)).toEqual(Object.keys(codes));
  });
});
