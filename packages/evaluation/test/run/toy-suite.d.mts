import type { EvaluationSuite } from "../../src/index.js";

export declare const toySuite: EvaluationSuite;
export declare const readingSuite: EvaluationSuite;
