import type { Language } from "./compiler/render-state.js";
import { builtInFilters } from "./filters/built-in-filters.js";
import { builtInGlobals } from "./globals/built-in-globals.js";
import { getAttribute } from "./operations/attributes.js";
import { getItem } from "./operations/subscript.js";
import { builtInTests } from "./tests/built-in-tests.js";

/** What jinja2 has built in, with what transformers puts in its place. */
export const language: Language = { filters: builtInFilters, tests: builtInTests, globals: builtInGlobals, getAttribute, getItem };
