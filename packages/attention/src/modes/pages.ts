import { InvalidModeError } from "@elastic-attention/core";
import { boundedPages } from "../cache/bounds/page-bounds.js";
import { selectPages } from "../operations/pages/select-pages.js";
import type { PageChoice } from "../patterns/page-choice.js";
import type { PagesMode } from "./attention-mode.js";
import type { AttentionModeDefinition } from "./mode-registry.js";
import { requirePositiveInteger } from "./positive-integer.js";

/** Tokens that a page may have: kernels cut their tiles and the cache its pages at multiples of each. */
export const pageSizes: readonly number[] = [16, 32, 64];

/**
 * Pages by query: a head keeps all its keys and values and reads every prompt whole; in decode it reads the sink, the window,
 * and of the pages between them the best by an upper bound of q · k over a page's keys.
 */
export const pagesModeDefinition: AttentionModeDefinition<PagesMode> = {
  kind: "pages",
  label: "PAGES",
  settings: ["budget", "page", "rows"],
  validate(mode) {
    for (const setting of ["sinkTokens", "localTokens"] as const) requirePositiveInteger("pages", setting, mode[setting]);
    const { pageTokens, budget, promptRows, denseRows } = mode;
    if (!pageSizes.includes(pageTokens)) throw new InvalidModeError(`pages: pageTokens must be one of ${pageSizes.join(", ")}, found ${String(pageTokens)}.`);
    const isShare = budget > 0 && budget <= 1;
    const isTokens = Number.isSafeInteger(budget) && budget >= pageTokens;
    if (!isShare && !isTokens) {
      throw new InvalidModeError(
        `pages: budget must be a share of the tokens above 0 and up to 1, or a number of tokens of at least a page (${pageTokens}), found ${String(budget)}.`,
        "A budget counts the pages that are chosen; sink and window are read besides.",
      );
    }
    if (promptRows !== undefined) requirePositiveInteger("pages", "promptRows", promptRows);
    if (promptRows !== undefined && denseRows !== undefined) {
      throw new InvalidModeError("pages: promptRows and denseRows both say what the end of a prompt reads.", "Leave one of them out: rows before promptRows are dense anyway.");
    }
  },
  pattern: () => ({ type: "full" }),
  laterPattern: () => ({ type: "full" }),
  decodePattern: (mode) => ({ type: "selected", blockSize: mode.pageTokens, pages: choiceOf(mode) }),
  trainingPattern: (mode) => pagesModeDefinition.decodePattern(mode),
  promptEnd: (mode) => (mode.promptRows === undefined ? undefined : { rows: mode.promptRows, pattern: pagesModeDefinition.decodePattern(mode) }),
  retention: () => ({ type: "all" }),
  pageTokens: ({ pageTokens }) => pageTokens,
  atSizes: ({ sinkTokens, localTokens, settings = {} }) => ({
    kind: "pages",
    sinkTokens,
    localTokens,
    pageTokens: settings.page ?? 32,
    budget: settings.budget ?? 0.125,
    ...(settings.rows === undefined ? {} : { promptRows: settings.rows }),
  }),
  select({ mode, query, cache, keyValueHeads }) {
    using bounds = boundedPages(cache, mode.pageTokens, keyValueHeads);
    return query.backend.kernels.run(selectPages, { query, cache, bounds, keyValueHeads, choice: choiceOf(mode) });
  },
};

function choiceOf({ sinkTokens, localTokens, pageTokens, budget }: PagesMode): PageChoice {
  const blocks = (tokens: number) => Math.ceil(tokens / pageTokens);
  const isShare = budget <= 1;
  return {
    sinkBlocks: blocks(sinkTokens),
    localBlocks: blocks(localTokens),
    budgetPages: isShare ? 0 : blocks(budget),
    budgetParts: isShare ? Math.max(1, Math.floor(budget * 65536)) : 0,
  };
}
