/** 0 done · 1 stage failed · 2 config or usage · 3 refused · 4 rolled back · 5 plan moved · 6 locked · 7 approval · 8 unreachable · 10 changes · 70 our bug · 130 stopped */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 10 | 70 | 130;

export interface CodeEntry {
  readonly title: string;
  readonly exit: ExitCode;
  /** When it is seen, and what to do: the text of the reference page. */
  readonly explain: string;
}
