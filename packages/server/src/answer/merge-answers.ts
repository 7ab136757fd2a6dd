import type { AnswerEvent } from "./answer-event.js";

/**
 * Events of several answers as they come, with the number of the answer that each belongs to. When one fails, all end.
 *
 * @param abort ends all of them; called when nobody reads on
 */
export async function* mergeAnswers(answers: readonly AsyncGenerator<AnswerEvent, void, undefined>[], abort: () => void): AsyncGenerator<{ readonly prompt: number; readonly event: AnswerEvent }, void, undefined> {
  const pending = new Map(answers.map((_, prompt) => [prompt, next(answers, prompt)]));
  try {
    while (pending.size > 0) {
      const { prompt, result } = await Promise.race(pending.values());
      if (result.done === true) {
        pending.delete(prompt);
        continue;
      }
      pending.set(prompt, next(answers, prompt));
      yield { prompt, event: result.value };
    }
  } finally {
    if (pending.size > 0) abort();
    for (const promise of pending.values()) promise.catch(() => {});
    await Promise.allSettled(answers.map((answer) => answer.return()));
  }
}

async function next(answers: readonly AsyncGenerator<AnswerEvent, void, undefined>[], prompt: number) {
  return { prompt, result: await answers[prompt]!.next() };
}
