import { EvaluationError, UnknownNameError } from "@elastic-attention/core";
import { elasticModeNames, findElasticModes, publishedSizes } from "@elastic-attention/transformer";

const constantNames = ["full", "xattention", "streaming"] as const;
const shareNames = ["static", "random"] as const;

/** One way to route heads that is compared with others on the same prompts. */
export type Variant = { readonly name: string } & (
  | { readonly kind: (typeof constantNames)[number] }
  /** The model's router, or its head list where it has none; with `sparsity` under the dial. */
  | { readonly kind: "elastic"; readonly mode: string; readonly sparsity?: number; readonly sweep: boolean }
  /** The same heads for every prompt, FA and SSA: the model's head list, or drawn. */
  | { readonly kind: (typeof shareNames)[number]; readonly sparsity: number }
  | { readonly kind: "list"; readonly file: string; readonly sparsity?: number }
);

export interface VariantOptions {
  /** Dial of the elastic modes: target share of sparse heads. */
  readonly sparsity?: number;
  /** Further dial positions of the elastic modes, for the curve of the retained score. */
  readonly sweep?: readonly number[];
}

/** How variants are written, those of registered modes included. */
export function variantForms(): readonly string[] {
  return ["full", ...routedModes(), "xattention", "streaming", "static:0.7", "random:0.7", "list:FILE", "list:FILE:0.7"];
}

/** The pairs of a retrieval and a sparse mode that a model's own router decides between. */
function routedModes(): readonly string[] {
  return elasticModeNames().filter((name) => name !== "full");
}

/**
 * Reads a list such as `full,fa-ssa,static:0.7,list:heads.json:0.5`; duplicates count once.
 *
 * @throws UnknownNameError with the nearest form, EvaluationError for a share outside 0 to 1
 */
export function parseVariants(text: string, { sparsity, sweep = [] }: VariantOptions = {}): Variant[] {
  const words = text.split(",").map((word) => word.trim()).filter((word) => word !== "");
  if (words.length === 0) throw new EvaluationError("There is no mode to evaluate.", `Give some of ${variantForms().join(", ")}.`);
  const named = words.map((word) => parseVariant(word, sparsity));
  const swept = named.flatMap((variant) =>
    variant.kind === "elastic" ? sweep.map((target) => elastic(variant.mode, checkedShare(target, `--sweep ${target}`), true)) : [],
  );
  if (sweep.length > 0 && swept.length === 0) {
    throw new EvaluationError("A sweep turns the sparsity dial, and no mode here has one.", `Add one of ${routedModes().join(", ")}.`);
  }
  return Array.from(new Map([...swept, ...named].map((variant) => [variant.name, variant])).values()).sort(bySweep);
}

/** Sweeps behind the modes that were asked for by name. */
function bySweep(a: Variant, b: Variant): number {
  return Number(isSweep(a)) - Number(isSweep(b));
}

/** Whether a variant is one point of the retained-score curve. */
export function isSweep(variant: Variant): boolean {
  return variant.kind === "elastic" && variant.sweep;
}

function parseVariant(word: string, dial: number | undefined): Variant {
  const constant = constantNames.find((name) => name === word);
  if (constant !== undefined) return { name: word, kind: constant };
  const mode = word;
  if (findElasticModes(mode, publishedSizes) !== undefined) return dial === undefined ? { name: word, kind: "elastic", mode, sweep: false } : elastic(mode, dial, false);
  const [, head, rest] = /^([a-z]+):(.+)$/.exec(word) ?? [];
  const drawn = shareNames.find((name) => name === head);
  if (drawn !== undefined) return { name: word, kind: drawn, sparsity: checkedShare(Number(rest), word) };
  if (head === "list") {
    const [, file, share] = /^(.+?)(?::([0-9.]+))?$/.exec(rest!)!;
    return { name: word, kind: "list", file: file!, ...(share === undefined ? {} : { sparsity: checkedShare(Number(share), word) }) };
  }
  if (shareNames.some((name) => name === word) || word === "list") {
    throw new EvaluationError(`"${word}" needs ${word === "list" ? "a file" : "a share of sparse heads"}.`, `Write ${word}:${word === "list" ? "FILE" : "0.7"}.`);
  }
  throw new UnknownNameError("mode", word, variantForms());
}

function elastic(mode: string, sparsity: number, sweep: boolean): Variant {
  return { name: `${mode}@${sparsity}`, kind: "elastic", mode, sparsity, sweep };
}

function checkedShare(share: number, word: string): number {
  if (share >= 0 && share <= 1) return share;
  throw new EvaluationError(`"${word}": the share of sparse heads must be between 0 and 1.`);
}
