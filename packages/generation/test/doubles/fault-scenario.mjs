// What both engines go through with one fault in it. Plain JavaScript: one of them runs it in a Node without vitest.

/** Token ids of a text that needs no tokenizer. */
export function someTokens(count, seed = 1) {
  return Array.from({ length: count }, (_, index) => 300 + ((index * 7919 + seed * 104729) % 3000));
}

async function outcomeOf(engine, request, onToken = () => {}) {
  try {
    const tokens = [];
    for await (const event of engine.generate(request)) {
      if (event.type === "token") onToken(tokens.push(event.id));
      if (event.type === "finish") return { reason: event.reason, text: event.text, tokens };
    }
    return { hang: "ended without a finish event" };
  } catch (error) {
    return { error };
  }
}

/** Several requests at once: plain ones, a text with a stop, one that is drawn, a session of two turns, one that is aborted. */
export async function runScenario(engine) {
  const controller = new AbortController();
  const first = { tokens: someTokens(9, 4), maxNewTokens: 3, session: "talk", mode: "full" };
  const session = async () => {
    const one = await outcomeOf(engine, first);
    const tokens = [...first.tokens, ...someTokens(6, 5)];
    return [one, await outcomeOf(engine, { ...first, tokens })];
  };
  const outcomes = await Promise.all([
    outcomeOf(engine, { tokens: someTokens(12), maxNewTokens: 4 }),
    outcomeOf(engine, { prompt: "The ship left", maxNewTokens: 5, stop: ["\u0000"] }),
    outcomeOf(engine, { tokens: someTokens(7, 2), maxNewTokens: 4, sampling: { temperature: 1.1, seed: 3, repetitionPenalty: 1.2 } }),
    outcomeOf(engine, { tokens: someTokens(5, 3), maxNewTokens: 40, signal: controller.signal }, (count) => count === 2 && controller.abort()),
    session(),
  ]);
  await engine.closeSession("talk").catch(() => {});
  const [plain, text, drawn, aborted, [turn, next]] = outcomes;
  return { plain, text, drawn, aborted: { ...aborted, tokens: [], text: "" }, turn, next };
}

/** A request by itself, to see that the engine works. */
export function runNext(engine) {
  return outcomeOf(engine, { prompt: "And then", maxNewTokens: 3 });
}

/**
 * What is wrong with a run in which one call failed; empty when all is well: of requests that compute together none suffers
 * from another, so that one fails at most.
 *
 * @param isTyped whether an error is one of this project's
 */
export function problemsOf(outcomes, expected, isTyped) {
  const failed = Object.keys(outcomes).filter((name) => outcomes[name].error !== undefined);
  const several = failed.length > 1 ? [`${failed.join(", ")} fail by one call`] : [];
  return several.concat(differences(outcomes, expected, isTyped));
}

function differences(outcomes, expected, isTyped) {
  return Object.entries(outcomes).flatMap(([name, outcome]) => {
    if (outcome.error !== undefined) return isTyped(outcome.error) ? [] : [`${name}: ${String(outcome.error)}`];
    const [found, wanted] = [outcome, expected[name]].map((each) => JSON.stringify(each));
    return found === wanted ? [] : [`${name}: ${found} instead of ${wanted}`];
  });
}

/** Every call of a scenario, or so many spread over it: one of each stretch, which one by the seed. */
export function someCalls(count, most, seed = Number(process.env.ELASTIC_ATTENTION_FAULT_SEED ?? 1)) {
  if (count <= most) return Array.from({ length: count }, (_, call) => call);
  let state = seed >>> 0;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: most }, (_, stretch) => Math.floor(((stretch + random()) * count) / most));
}
