type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma or end';

/** Where a text stops being JSON, in characters from 0. Only for texts that did not parse: the parser does not always say. */
export function errorPosition(text: string): number {
  // JSON's tokens: punctuation, or a string, or a number or word.
  const tokens =
    /([{}[\],:])|("(?:[^"\\]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/uy;
  const open: string[] = [];
  let expected: Expected = 'value';
  let at = 0;
  for (;;) {
    while (/[ \t\n\r]/.test(text.charAt(at))) at += 1;
    tokens.lastIndex = at;
    const match: RegExpExecArray | null = tokens.exec(text);
    const next: Expected | undefined = match === null ? undefined : step(expected, match, open);
    if (match === null || next === undefined) return at;
    expected = next;
    at += match[0].length;
  }
}

/** What may follow the token; undefined when the token may not stand here. */
function step(expected: Expected, match: RegExpExecArray, open: string[]): Expected | undefined {
  const [token, mark, string] = match;
  const takesValue = expected === 'value' || expected === 'value or ]';
  if (string !== undefined && (expected === 'key' || expected === 'key or }')) return 'colon';
  if (mark === undefined) return takesValue ? 'comma or end' : undefined;
  if (mark === '{' || mark === '[') {
    if (!takesValue) return undefined;
    open.push(mark);
    return mark === '{' ? 'key or }' : 'value or ]';
  }
  if (mark === ':') return expected === 'colon' ? 'value' : undefined;
  if (mark === ',') return expected === 'comma or end' ? afterComma(open.at(-1)) : undefined;
  const opener = token === '}' ? '{' : '[';
  const closes = expected === 'comma or end' || expected === (token === '}' ? 'key or }' : 'value or ]');
  return closes && open.pop() === opener ? 'comma or end' : undefined;
}

function afterComma(opener: string | undefined): Expected | undefined {
  if (opener === undefined) return undefined;
  return opener === '{' ? 'key' : 'value';
}
