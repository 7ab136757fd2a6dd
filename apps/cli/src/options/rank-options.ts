import { optionSchema, type OptionValues, wholeNumber } from "@elastic-attention/core";

/** The option of commands whose model several cards may have together. */
export const rankOptions = optionSchema({
  gpus: {
    type: wholeNumber({ minimum: 1, maximum: 64 }),
    placeholder: "n",
    description: "GPUs that share the model, one process each; with another backend than cuda, processes that share the processor",
    otherwise: "one; under mpirun or Slurm as many as ranks were started",
  },
});

export type RankOptions = OptionValues<typeof rankOptions>;
