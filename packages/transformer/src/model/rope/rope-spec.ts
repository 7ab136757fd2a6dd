import type { RotaryPairs } from "@elastic-attention/tensor";

/** How queries and keys are rotated by their position, and how the angles are stretched over longer contexts. */
export type RopeSpec = RopeShape & RopeScaling;

interface RopeShape {
  readonly theta: number;
  /** Dimensions of each head that turn, its first ones; the others pass as they are. Even. */
  readonly rotatedDim: number;
  /** Which elements turn together: i with i + rotatedDim / 2, or neighbours. */
  readonly pairs: RotaryPairs;
}

export type RopeScaling =
  | { readonly type: "default" }
  | { readonly type: "linear"; readonly factor: number }
  /** Each pair's frequency over a number of its own, as GGUF files keep scaled frequencies. */
  | { readonly type: "divided"; readonly divisors: readonly number[] }
  /** The base grows with a sequence that is longer than `originalContextLength` (NTK-aware). */
  | { readonly type: "dynamic"; readonly factor: number; readonly originalContextLength: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalContextLength: number;
    }
  | {
      readonly type: "yarn";
      readonly factor: number;
      readonly originalContextLength: number;
      /** Multiplies cosine and sine. */
      readonly attentionFactor: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly truncate: boolean;
    }
  /** Divisors of every pair: the long ones for sequences beyond `originalContextLength`, else the short ones (Phi-3). */
  | {
      readonly type: "longrope";
      readonly shortFactors: readonly number[];
      readonly longFactors: readonly number[];
      readonly originalContextLength: number;
      /** Multiplies cosine and sine, with either factors. */
      readonly attentionFactor: number;
    };

/** What multiplies cosine and sine. */
export function attentionFactor(rope: RopeSpec): number {
  return rope.type === "yarn" || rope.type === "longrope" ? rope.attentionFactor : 1;
}

/** Length beyond which the angles depend on how far a sequence has come; undefined where they never do. */
export function lengthDependsBeyond(rope: RopeSpec): number | undefined {
  return rope.type === "dynamic" || rope.type === "longrope" ? rope.originalContextLength : undefined;
}
