import type { SuiteReport } from "./run-summary.js";

/** Colours of the page's palette; 0 is the grey of full attention. */
export const seriesColours = 6;

/** The name of full attention in a variant's run: "full", and in a comparison "RUN full". */
export function fullVariantOf(variant: string): string {
  return `${variant.slice(0, variant.lastIndexOf(" ") + 1)}full`;
}

/** Number of a variant's colour: the same in every chart of a suite. */
export function variantColour({ results }: Pick<SuiteReport, "results">, variant: string): number {
  if (variant === "full") return 0;
  const names = results.map(({ variant }) => variant).filter((name) => name !== "full");
  const place = names.findIndex((name) => name === variant || name.startsWith(`${variant}@`));
  return 1 + ((place < 0 ? names.length : place) % (seriesColours - 1));
}
