import type { Callee } from "../methods/parameters.js";
import { numberFilters } from "./number-filters.js";
import { selectingFilters } from "./selecting-filters.js";
import { sequenceFilters } from "./sequence-filters.js";
import { textFilters } from "./text-filters.js";
import { valueFilters } from "./value-filters.js";
import { webFilters } from "./web-filters.js";

const byName: Readonly<Record<string, Callee>> = {
  ...numberFilters,
  ...selectingFilters,
  ...sequenceFilters,
  ...textFilters,
  ...valueFilters,
  ...webFilters,
};

/** Every filter that jinja2 has built in. */
export const builtInFilters: ReadonlyMap<string, Callee> = new Map([
  ...Object.entries(byName),
  ["count", byName["length"]!],
  ["d", byName["default"]!],
  ["e", byName["escape"]!],
]);
