import { z } from "zod";
import { publishedTasks } from "../objective/training-task.js";
import { publishedTemperature } from "../relaxation/temperature.js";

const share = z.number().min(0).max(1);
const count = z.int().min(1);
const positive = z.number().positive();

const task = z.strictObject({
  name: z.string().min(1).describe("As rows name it in metadata.task."),
  kind: z.enum(["sensitive", "robust"]),
  target: share.describe("Wanted share of sparse heads."),
  initial: z.tuple([z.number(), z.number()]).optional().describe("Range of this task's first multipliers; default: the objective's."),
});

const temperature = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("cosine"), start: positive, end: positive, share }),
  z.strictObject({ kind: z.literal("exponential"), start: positive, end: positive, rate: z.number().min(0) }),
  z.strictObject({ kind: z.literal("constant"), value: positive }),
]);

const sizes = z.strictObject({
  sinkTokens: count.optional(),
  localTokens: count.optional(),
  blockSize: count.optional(),
  stride: count.optional(),
  threshold: share.optional(),
});

const data = z.strictObject({
  files: z.array(z.string()).min(1).describe("JSONL (also .gz, .br) or Parquet, relative to this file."),
  layout: z.enum(["published", "plain"]).default("published").describe("How context and question become the user's message."),
  packTokens: count.default(65_536).describe("Most tokens in a pack."),
  minimumTokens: count.default(1000).describe("Shortest example."),
  lengths: z.enum(["error", "skip"]).default("error").describe("What becomes of an example that is too short or too long."),
  lossTokens: z.enum(["all", "answer"]).default("all"),
  pooling: z.union([count, z.literal("all")]).default(100).describe("Tokens at each end of the pooled turn that routers average."),
  pooledTurn: z.enum(["user", "prompt"]).default("user").describe("The user's turn, or the prompt up to the answer."),
});

const router = z.strictObject({
  decides: z
    .enum(["heads", "layer"])
    .default("heads")
    .describe("The mode of every key-value head from its keys, as the paper does, or of a whole layer from its queries (Flux Attention)."),
  relaxation: z.enum(["softmax", "sigmoid"]).default("softmax"),
  width: positive.default(4).describe("Hidden units of the router's MLPs, in head dimensions (a fraction makes a narrow router); twice that in the task MLP of a router of layers."),
  initializerRange: positive.default(0.02).describe("Standard deviation of the first weights."),
});

const objective = z.strictObject({
  form: z.enum(["absolute", "signed"]).default("absolute"),
  band: share.default(0).describe("Half width of the band around the target that costs nothing."),
  warmUp: z.strictObject({ start: share, share }).optional().describe("The target grows linearly from start."),
  initial: z.tuple([z.number(), z.number()]).default([0, 0.5]).describe("Range of the first multipliers of tasks without their own."),
  multiplierBounds: z.tuple([z.number(), z.number()]).optional(),
});

const optimizer = z.strictObject({
  steps: count.default(300),
  packsPerStep: count.default(48).describe("Over all ranks."),
  routerLearningRate: positive.default(5e-4),
  multiplierLearningRate: z.number().min(0).default(1e-3),
  weightDecay: z.number().min(0).default(0.1),
  clip: positive.default(5).describe("Limit of the gradients' joint norm."),
  warmUp: share.default(0.2),
  minimum: share.default(1e-7).describe("Factor of the learning rate at the end."),
});

/** Everything that `elastic-attention train` can be told; every default is the paper's or the published code's. */
export const trainingConfigSchema = z.strictObject({
  $schema: z.string().optional(),
  model: z.string().default("demo").describe('Folder of the frozen model, relative to this file, or "demo".'),
  backend: z.string().default("cpu"),
  dtype: z.enum(["f32", "bf16"]).optional().describe("Default: as the checkpoint."),
  threads: count.optional(),
  communicator: z.enum(["auto", "single", "mpi", "nccl"]).default("auto"),
  mode: z.string().refine((mode) => mode !== "full", "full has no sparse heads to route").optional().describe("fa-ssa, fa-xa, xa-ssa, fa-pages, fa-snap or another pair of registered modes, settings behind it (fa-pages:budget=1/8). Default: the model's own, else fa-ssa."),
  sizes: sizes.default({}).describe("Sizes of the sparse modes; default: the model's own."),
  output: z.string().describe("Folder for routers, checkpoint, log and report, relative to this file."),
  save: z.enum(["routers", "paw", "both"]).default("routers").describe("Routers alone, a whole checkpoint in the published layout, or both."),
  routerDType: z.enum(["f32", "bf16"]).default("f32").describe("Of the saved routers."),
  data,
  tasks: z.array(task).min(1).default(() => publishedTasks.map(({ name, kind, target }) => ({ name, kind, target }))),
  router: router.prefault({}),
  loss: z
    .enum(["next-token", "hidden-states"])
    .default("next-token")
    .describe("What the tokens of the loss are judged by: cross-entropy, as the paper does, or the distance of the final hidden states to those with every head full."),
  objective: objective.prefault({}),
  temperature: temperature.default(publishedTemperature),
  optimizer: optimizer.prefault({}),
  activationCheckpointing: z.boolean().default(true),
  checkpointEvery: z.int().min(0).default(50).describe("Steps between checkpoints; 0: only at the end."),
  seed: z.int().min(0).default(42),
});

/** A complete configuration. */
export type TrainingConfig = z.output<typeof trainingConfigSchema>;

/** What a configuration file may hold. */
export type TrainingConfigInput = z.input<typeof trainingConfigSchema>;
