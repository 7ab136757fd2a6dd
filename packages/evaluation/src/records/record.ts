import { createHash } from "node:crypto";
import { z } from "zod";

/** What one sample did under one variant: a line of records.jsonl. */
export const recordSchema = z.object({
  suite: z.string(),
  /** Name of the variant: "full", "fa-ssa@0.5". */
  variant: z.string(),
  /** Of the sample; unique within the suite. */
  id: z.string(),
  /** Place of the sample among all samples of the run. */
  index: z.int().nonnegative(),
  task: z.string(),
  category: z.string(),
  lengthBucket: z.string(),
  kind: z.enum(["generate", "likelihood", "answer"]),
  /** SHA-256 of the prompt's token ids (little-endian 32-bit), first 16 hexadecimal digits. */
  promptHash: z.string(),
  promptTokens: z.int(),
  newTokens: z.int(),
  /** The text that was scored; "" for tasks of kind "likelihood"; of kind "answer" the most likely tokens. */
  output: z.string(),
  /** The text before it, where a task asks twice. */
  reasoning: z.string().optional(),
  references: z.array(z.string()),
  /** 0 to 1; nats per token for tasks of kind "likelihood". */
  score: z.number(),
  /** Nats per token of a given answer; tasks of kind "answer". */
  answerLoss: z.number().optional(),
  /** Why the answer ended; "read" for tasks of kind "likelihood" and "answer". */
  finish: z.enum(["end-of-text", "length", "stop", "read"]),
  truncated: z.boolean(),
  /** MSR (paper eq. 4) and ESR (eq. 5, over the whole prefill). */
  modelSparsity: z.number(),
  effectiveSparsity: z.number(),
  /** Labels of the modes, and the mode of each key-value head as a digit, layers between slashes: "0011/0111". */
  modes: z.array(z.string()),
  headMap: z.string(),
  /** Of its prompt alone: prompts are read one by one. */
  prefillSeconds: z.number(),
  /** Its share of the decode steps: each step's seconds, divided by the samples that took part. */
  decodeSeconds: z.number(),
  keyValueBytes: z.number(),
  fullKeyValueBytes: z.number(),
  /** Bytes of keys and values that a decoded token reads at the end of the answer, by the plan; missing in older runs. */
  readBytes: z.number().optional(),
  /** Largest amount of memory in use on the backend until it ended; weights and the samples run together included. */
  peakBytes: z.number(),
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  positions: z.array(z.object({ start: z.number(), end: z.number(), tokens: z.number(), score: z.number() })).optional(),
});

export type EvaluationRecord = z.infer<typeof recordSchema>;

/** What makes a record one of a kind in a run. */
export function recordKey({ suite, variant, id }: Pick<EvaluationRecord, "suite" | "variant" | "id">): string {
  return `${suite}\n${variant}\n${id}`;
}

/** Hash of a prompt's token ids, for the `promptHash` of a record. */
export function hashPrompt(tokens: Int32Array): string {
  const bytes = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

/** A head map as a record holds it. */
export function packHeadMap(headMap: readonly (readonly number[])[]): string {
  return headMap.map((layer) => layer.join("")).join("/");
}

/** [layer][kvHead] of {@link packHeadMap}. */
export function unpackHeadMap(text: string): number[][] {
  return text === "" ? [] : text.split("/").map((layer) => Array.from(layer, Number));
}
