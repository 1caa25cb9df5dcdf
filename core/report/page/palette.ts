/** The colours of the page on a light and on a dark ground. Every text colour has a contrast of 4.5 : 1 or more on every ground it stands on. */
interface Palette {
  readonly ground: string;
  readonly panel: string;
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  readonly accent: string;
  readonly good: string;
  readonly bad: string;
  readonly warn: string;
  readonly calm: string;
  readonly busy: string;
  /** Full heat of what is right and of what is wrong in a matrix. */
  readonly right: string;
  readonly wrong: string;
}

const light: Palette = {
  ground: '#fbfaf8',
  panel: '#ffffff',
  ink: '#1d2129',
  soft: '#565d6b',
  line: '#dcd9d2',
  accent: '#2456c9',
  good: '#17693a',
  bad: '#b3261e',
  warn: '#8a5300',
  calm: '#45608a',
  busy: '#6b3fc0',
  right: '#2f7d55',
  wrong: '#c8452f',
};

const dark: Palette = {
  ground: '#121419',
  panel: '#1a1d24',
  ink: '#e9ebf0',
  soft: '#a3abba',
  line: '#333844',
  accent: '#8ab0ff',
  good: '#66cf92',
  bad: '#ff8f85',
  warn: '#f0b357',
  calm: '#9db6dc',
  busy: '#c3a6ff',
  right: '#3d9468',
  wrong: '#d2604b',
};

const heatLevels = 9;

/** Custom properties for both grounds: what the system prefers, unless `data-theme` on the root says otherwise; paper is light. */
export function paletteRules(): string {
  return [
    `:root{color-scheme:light;${properties(light)}}`,
    `@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${properties(dark)}}}`,
    `@media screen{:root[data-theme=dark]{color-scheme:dark;${properties(dark)}}}`,
    ...['right', 'wrong'].flatMap((side) =>
      Array.from(
        { length: heatLevels },
        (_, index) => `.matrix td.${side}-${index + 1}{background:var(--${side}-${index + 1});color:var(--${side}-${index + 1}-ink)}`,
      ),
    ),
  ].join('\n');
}

function properties(palette: Palette): string {
  const plain = Object.entries(palette).map(([name, value]) => `--${name}:${value}`);
  const heat = (['right', 'wrong'] as const).flatMap((side) =>
    Array.from({ length: heatLevels }, (_, index) => {
      const ground = mixed(palette.panel, palette[side], 0.1 + (0.9 * index) / (heatLevels - 1));
      return `--${side}-${index + 1}:${ground};--${side}-${index + 1}-ink:${legibleOn(ground)}`;
    }),
  );
  return [...plain, ...heat].join(';');
}

type Channels = readonly [number, number, number];

function channelsOf(color: string): Channels {
  const at = (start: number): number => Number.parseInt(color.slice(start, start + 2), 16);
  return [at(1), at(3), at(5)];
}

function mixed(from: string, to: string, share: number): string {
  const [a, b] = [channelsOf(from), channelsOf(to)];
  const channel = (index: 0 | 1 | 2): string =>
    Math.round(a[index] + (b[index] - a[index]) * share)
      .toString(16)
      .padStart(2, '0');
  return `#${channel(0)}${channel(1)}${channel(2)}`;
}

/** Black or white, whichever can be read better. */
function legibleOn(ground: string): string {
  const luminance = luminanceOf(channelsOf(ground));
  return (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) ? '#000000' : '#ffffff';
}

/** WCAG's relative luminance. */
function luminanceOf(channels: Channels): number {
  const linear = (value: number): number => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(channels[0]) + 0.7152 * linear(channels[1]) + 0.0722 * linear(channels[2]);
}
