import { SampleError } from "@elastic-attention/core";
import type { EvaluationTask, SampleOptions } from "../suite.js";

/** A sample as the training package reads rows (reference semantics 7.1), with the beginning of its answer apart. */
export interface AnswerRow {
  readonly context: string;
  /** Always empty: the context ends with it. */
  readonly question: string;
  readonly answer: string;
  /** How the assistant's turn begins, in front of the answer. */
  readonly answer_prefix: string;
  readonly metadata: { readonly task: string; readonly is_prefix: false; readonly length: number };
}

/** Rows for router training from the samples of tasks that give their answers. */
export async function* trainingRows(tasks: readonly EvaluationTask[], options: SampleOptions): AsyncGenerator<AnswerRow> {
  for (const task of tasks) {
    // Training renders the conversation itself.
    for await (const { id, prompt, answerPrefix = "", references, lengthBucket } of task.samples({ ...options, chatFormat: "none" })) {
      if (prompt === undefined || references[0] === undefined) throw new SampleError(`Sample ${id} is no prompt with an answer.`);
      // As behind a template that ends in white space.
      const begun = answerPrefix.trimStart();
      const answer = begun === "" ? references[0].trimStart() : references[0];
      yield { context: prompt, question: "", answer, answer_prefix: begun, metadata: { task: task.name, is_prefix: false, length: Number(lengthBucket) } };
    }
  }
}
