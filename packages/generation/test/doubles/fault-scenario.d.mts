import type { Engine } from "../../src/index.js";

export interface Outcome {
  readonly error?: unknown;
  readonly reason?: string;
  readonly text?: string;
  readonly tokens?: readonly number[];
}

export type Outcomes = Readonly<Record<string, Outcome>>;

export function someTokens(count: number, seed?: number): number[];
export function runScenario(engine: Engine): Promise<Outcomes>;
export function runNext(engine: Engine): Promise<Outcome>;
export function problemsOf(outcomes: Outcomes, expected: Outcomes, isTyped: (error: unknown) => boolean): string[];
export function someCalls(count: number, most: number): number[];
