import { z } from "zod";
import type { Variant } from "../baselines/variant.js";
import type { RunDescription } from "../run/run-settings.js";

const variant: z.ZodType<Variant> = z.discriminatedUnion("kind", [
  z.object({ name: z.string(), kind: z.enum(["full", "xattention", "streaming"]) }),
  z.object({ name: z.string(), kind: z.literal("elastic"), mode: z.string(), sparsity: z.number().exactOptional(), sweep: z.boolean() }),
  z.object({ name: z.string(), kind: z.enum(["static", "random"]), sparsity: z.number() }),
  z.object({ name: z.string(), kind: z.literal("list"), file: z.string(), sparsity: z.number().exactOptional() }),
]);

const suite = z.looseObject({
  name: z.string(),
  tasks: z.array(z.string()),
  lengths: z.array(z.number()).exactOptional(),
  samplesPerTask: z.number().exactOptional(),
  data: z.string().exactOptional(),
});

// What a later version added stays: settings that are not known here may differ as well.
const settings = z.looseObject({
  suites: z.array(suite),
  model: z.string(),
  modelHash: z.string(),
  dtype: z.string(),
  backend: z.string(),
  variants: z.array(variant),
  headListHashes: z.array(z.string()),
  routersHash: z.string().exactOptional(),
  router: z.string().exactOptional(),
  modeSizes: z.record(z.string(), z.number()),
  sweepSamples: z.number().exactOptional(),
  seed: z.number(),
  chatFormat: z.enum(["auto", "template", "none"]),
  strict: z.boolean(),
  chainOfThought: z.boolean(),
  decode: z.enum(["routed", "full"]),
  version: z.string(),
});

const environment = z.looseObject({
  startedAt: z.string(),
  device: z.string(),
  node: z.string(),
  platform: z.string(),
  processor: z.string(),
  cores: z.number(),
  ranks: z.number(),
  batch: z.number().exactOptional(),
  communicator: z.string(),
  parameters: z.number(),
  architecture: z.string(),
  contextLength: z.number(),
  router: z.string(),
  routersFile: z.string().exactOptional(),
  numLayers: z.number(),
  numKeyValueHeads: z.number(),
  command: z.string().exactOptional(),
});

/** What run.json must hold. */
export const runDescriptionSchema: z.ZodType<RunDescription> = z.object({ settings, environment });
