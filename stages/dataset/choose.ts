import { nearest } from '../../core/index.ts';
import { unreadable } from '../lib/npy-header.ts';

/** What the options say of names; as in the stage `dataset`. */
export interface WantedNames {
  readonly inputs?: string | readonly string[] | undefined;
  readonly labels?: string | false | undefined;
}

export interface ChosenNames {
  readonly inputs: readonly string[];
  readonly labels: string | undefined;
}

const usualLabels = ['y', 'labels', 'label', 'target'];

/**
 * Which of the names are inputs and which is the truth. By default the truth is `y`, `labels`, `label` or `target` when one is there,
 * and all others are inputs, `x` first. MF3106 for a name that is not there, or when no input is left.
 */
export function chooseNames(names: readonly string[], wanted: WantedNames, source: string, noun: 'array' | 'column'): ChosenNames {
  const check = (name: string): string => {
    if (names.includes(name)) return name;
    const near = nearest(name, names);
    throw unreadable(
      source,
      `there is no ${noun} named ${name}; there are ${list(names)}`,
      near === undefined ? `Name one of the ${noun}s that are there.` : `Did you mean ${near}?`,
    );
  };
  const usual = usualLabels.find((name) => names.includes(name));
  const explicit = wanted.inputs === undefined ? undefined : [wanted.inputs].flat().map(check);
  const labels = wanted.labels === false ? undefined : wanted.labels === undefined ? unlessIn(explicit, usual) : check(wanted.labels);
  if (explicit !== undefined) {
    if (new Set(explicit).size < explicit.length) throw unreadable(source, `an input is named twice: ${explicit.join(', ')}`);
    if (labels !== undefined && explicit.includes(labels)) throw unreadable(source, `${labels} cannot be an input and the labels at once`);
    return { inputs: explicit, labels };
  }
  // `labels: false` means that the truth is of no interest, not that it is one more input.
  const others = names.filter((name) => name !== labels && !(wanted.labels === false && name === usual));
  const inputs = others.includes('x') ? ['x', ...others.filter((name) => name !== 'x')] : others;
  if (inputs.length === 0)
    throw unreadable(source, `only ${list(names)} is there, and no input`, 'Name the inputs with `inputs`, or say `labels: false`.');
  return { inputs, labels };
}

function unlessIn(taken: readonly string[] | undefined, name: string | undefined): string | undefined {
  return name !== undefined && taken?.includes(name) ? undefined : name;
}

function list(names: readonly string[]): string {
  return names.length > 20 ? `${names.slice(0, 20).join(', ')} and ${names.length - 20} more` : names.join(', ');
}
