import { UnknownNameError } from "@elastic-attention/core";
import { frontierSuite } from "./frontier/frontier-suite.js";
import { longBenchESuite, longBenchSuite } from "./longbench/longbench-suite.js";
import { longBenchV2Suite } from "./longbench-v2/longbench-v2-suite.js";
import { needleGridSuite } from "./needle-grid/needle-grid-suite.js";
import { perplexitySuite } from "./perplexity/perplexity-suite.js";
import { recallSuite } from "./recall/recall-suite.js";
import { rulerSuite } from "./ruler/ruler-suite.js";
import type { EvaluationSuite } from "./suite.js";

const suites = new Map<string, EvaluationSuite>();

/** Makes a suite known by its name; a suite of the same name is replaced. */
export function registerSuite(suite: EvaluationSuite): void {
  suites.set(suite.name, suite);
}

/** Names of all suites, in the order they were registered. */
export function suiteNames(): readonly string[] {
  return [...suites.keys()];
}

/** @throws UnknownNameError */
export function findSuite(name: string): EvaluationSuite {
  const suite = suites.get(name);
  if (suite === undefined) throw new UnknownNameError("suite", name, suiteNames());
  return suite;
}

for (const suite of [rulerSuite, longBenchESuite, longBenchSuite, longBenchV2Suite, needleGridSuite, perplexitySuite, frontierSuite, recallSuite]) registerSuite(suite);
