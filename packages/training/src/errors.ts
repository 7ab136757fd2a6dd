import { ElasticAttentionError } from "@elastic-attention/tensor";

/** A setting of a training run that cannot be; `key` names it as the config file does. */
export class TrainingConfigError extends ElasticAttentionError {
  constructor(
    message: string,
    hint?: string,
    readonly key?: string,
  ) {
    super("TRAINING_CONFIG", message, hint === undefined ? {} : { hint });
  }
}

/** A row or file of training data that cannot be used; the message says where it stands. */
export class TrainingDataError extends ElasticAttentionError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("TRAINING_DATA", message, options);
  }
}

/** A checkpoint of a training run that is damaged or belongs to another run. */
export class TrainingCheckpointError extends ElasticAttentionError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("TRAINING_CHECKPOINT", message, options);
  }
}

/** The loss or a gradient stopped being a number. The state before the step was saved if there is a place for it. */
export class NotFiniteLossError extends ElasticAttentionError {
  constructor(
    /** Optimizer step, from 0, that was not made. */
    readonly step: number,
    /** Where the rows of the pack stand in the data. */
    readonly rows: readonly string[],
    what: string,
    /** Where the state before the step was saved; undefined when the run saves nothing. */
    readonly savedTo: string | undefined,
  ) {
    const saved = savedTo === undefined ? "nothing was saved" : `the state before it is saved in ${savedTo}`;
    super("NOT_FINITE_LOSS", `${what} in step ${step + 1}, pack of ${rows.join(", ")}; ${saved}.`, {
      hint: "Look at those rows, lower the learning rate, or go on in f32 (`dtype`).",
    });
  }
}
