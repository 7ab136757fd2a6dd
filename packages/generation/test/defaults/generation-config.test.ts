import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModelConfigError } from "@elastic-attention/core";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { afterAll, describe, expect, test } from "vitest";
import { readGenerationConfig } from "../../src/defaults/generation-config.js";
import { resolveSettings } from "../../src/request/generation-settings.js";
import { type GenerationRequest, LocalEngine, Tokenizer } from "../../src/index.js";
import { checkRequest } from "../../src/request/checked-request.js";
import type { GenerationDefaults } from "../../src/defaults/generation-defaults.js";
import { demoModel, writeTinyModel } from "../doubles/tiny-model.js";

const folder = mkdtempSync(join(tmpdir(), "generation-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(content: unknown) {
  writeFileSync(join(folder, "generation_config.json"), typeof content === "string" ? content : JSON.stringify(content));
  return readGenerationConfig(folder);
}

describe("generation_config.json", () => {
  test("with do_sample gives what answers are drawn with, and several ends", () => {
    const config = { do_sample: true, temperature: 0.6, top_k: 20, top_p: 0.95, min_p: 0.05, repetition_penalty: 1.1, max_new_tokens: 77, stop_strings: "END", eos_token_id: [2, 7], pad_token_id: 0, transformers_version: "5.0" };
    expect(read(config)).toEqual({
      defaults: { sampling: { temperature: 0.6, topK: 20, topP: 0.95, minP: 0.05, repetitionPenalty: 1.1 }, maxNewTokens: 77, stop: ["END"], source: "generation_config.json", unsupported: [] },
      endOfTextIds: [2, 7],
    });
  });

  test("without do_sample is greedy whatever else it says, as in transformers; do_sample alone draws from 50 tokens", () => {
    expect(read({ temperature: 0.6, top_p: 0.9, eos_token_id: 2 }).defaults.sampling).toEqual({ topP: 0.9 });
    expect(read({ do_sample: false, temperature: 0.6, repetition_penalty: 1.2 }).defaults.sampling).toEqual({ temperature: 0, repetitionPenalty: 1.2 });
    expect(read({ do_sample: true }).defaults.sampling).toEqual({ temperature: 1, topK: 50 });
    expect(read({ do_sample: true, top_k: -1, temperature: null }).defaults.sampling).toEqual({ temperature: 1, topK: 0 });
  });

  test("with max_length limits prompt and answer together, unless it says how many tokens are new", () => {
    expect(read({ max_length: 100 }).defaults).toMatchObject({ maxLength: 100, unsupported: [] });
    expect(read({ max_length: 100, max_new_tokens: 7 }).defaults).toMatchObject({ maxNewTokens: 7 });
    expect(read({ max_length: 100, max_new_tokens: 7 }).defaults.maxLength).toBeUndefined();
    expect(() => read({ max_length: 0 })).toThrow(/max_length must be a whole number above 0/);
  });

  test("names the settings that would change answers and are not followed, and no neutral ones", () => {
    const neutral = { num_beams: 1, no_repeat_ngram_size: 0, typical_p: 1, suppress_tokens: [], forced_eos_token_id: null, max_length: 4096, use_cache: true };
    expect(read(neutral).defaults.unsupported).toEqual([]);
    expect(read({ ...neutral, num_beams: 4, no_repeat_ngram_size: 3, suppress_tokens: [1, 2] }).defaults.unsupported).toEqual(["num_beams: 4", "no_repeat_ngram_size: 3", "suppress_tokens: [1,2]"]);
  });

  test.each([
    { min_length: 5 }, { min_new_tokens: 5 }, { no_repeat_ngram_size: 3 }, { encoder_no_repeat_ngram_size: 2 }, { bad_words_ids: [[7]] }, { force_words_ids: [[7]] },
    { suppress_tokens: [1] }, { begin_suppress_tokens: [1] }, { forced_bos_token_id: 0 }, { forced_eos_token_id: 2 }, { forced_decoder_ids: [[1, 2]] }, { typical_p: 0.9 },
    { epsilon_cutoff: 3e-4 }, { eta_cutoff: 3e-4 }, { top_h: 0.4 }, { num_beams: 2 }, { num_beam_groups: 2 }, { diversity_penalty: 0.5 }, { num_return_sequences: 2 },
    { penalty_alpha: 0.6 }, { dola_layers: "high" }, { guidance_scale: 1.5 }, { encoder_repetition_penalty: 1.2 }, { max_time: 5 }, { sequence_bias: [[[1], 2]] },
    { exponential_decay_length_penalty: [5, 1.1] }, { watermarking_config: { bias: 2 } }, { remove_invalid_values: true }, { token_healing: true }, { cache_implementation: "quantized" },
    { custom_generate: "someone/decoding" }, { a_setting_of_tomorrow: 1 },
  ])("names %j", (values) => {
    const [[name, value] = []] = Object.entries(values);
    expect(read(values).defaults.unsupported).toEqual([`${name}: ${JSON.stringify(value)}`]);
  });

  test("names nothing of what changes no answer, nor a program's own notes", () => {
    const harmless = { _from_model_config: true, bos_token_id: 1, pad_token_id: 0, length_penalty: 2, early_stopping: true, output_scores: true, cache_implementation: "static", sequence_bias: {}, generation_kwargs: {}, min_length: 0, guidance_scale: null, trust_remote_code: false };
    expect(read(harmless).defaults.unsupported).toEqual([]);
  });

  test("may have a byte order mark, or not be there", () => {
    expect(read('\uFEFF{"do_sample":true,"top_k":5}').defaults.sampling).toEqual({ temperature: 1, topK: 5 });
    expect(readGenerationConfig(join(folder, "elsewhere")).defaults).toEqual({ sampling: {}, source: undefined, unsupported: [] });
  });

  test.each<[unknown, RegExp]>([
    ["{", /Cannot read .*generation_config\.json/],
    ["[]", /not a JSON object/],
    [{ do_sample: "yes" }, /do_sample must be true or false/],
    [{ do_sample: true, top_p: 1.5 }, /generation_config\.json: topP must be above 0, at most 1, found 1\.5/],
    [{ repetition_penalty: "1.1" }, /repetition_penalty must be a finite number/],
    [{ max_new_tokens: 0 }, /max_new_tokens must be a whole number above 0/],
    [{ stop_strings: [""] }, /stop_strings must be/],
  ])("that says %j is refused by name", (content, words) => {
    expect(() => read(content)).toThrow(ModelConfigError);
    expect(() => read(content)).toThrow(words);
  });
});

describe("the settings of a request", () => {
  const model = { sampling: { temperature: 0.7, topP: 0.8, repetitionPenalty: 1.05 }, maxNewTokens: 2048, stop: ["###"], source: "generation_config.json", unsupported: [] };

  test("are its own, then the model's, then the engine's, and each says which", () => {
    const settings = resolveSettings({ sampling: { topP: 0.5, seed: 3 }, maxNewTokens: 10 }, model);
    expect(settings).toMatchObject({ temperature: 0.7, topP: 0.5, topK: 0, minP: 0, repetitionPenalty: 1.05, seed: 3, maxNewTokens: 10, stop: ["###"] });
    expect(settings.origins).toEqual({ temperature: "model", topP: "request", topK: "engine", minP: "engine", repetitionPenalty: "model", presencePenalty: "engine", frequencyPenalty: "engine", seed: "request", maxNewTokens: "request", stop: "model" });
  });

  test("are the engine's alone where the request does not want the model's", () => {
    expect(resolveSettings({ defaults: "none" }, model)).toMatchObject({ temperature: 0, topP: 1, repetitionPenalty: 1, maxNewTokens: 512, stop: [] });
  });
});

describe("a request to a model whose file limits prompt and answer together", () => {
  const tokenizer = Tokenizer.load(demoModel);
  const model: GenerationDefaults = { sampling: {}, maxLength: 30, source: "generation_config.json", unsupported: [] };
  const checked = (request: GenerationRequest, defaults = model, contextLength = 64) => checkRequest(request, tokenizer, { contextLength, vocabularySize: 4096 }, defaults);
  const prompt = (tokens: number) => ({ tokens: Array.from({ length: tokens }, () => 9) });

  test("has what the prompt leaves, and no more than the context", () => {
    expect(checked(prompt(12))).toMatchObject({ maxNewTokens: 18, settings: { maxNewTokens: 18, origins: { maxNewTokens: "model" } } });
    expect(checked(prompt(12), { ...model, maxLength: 4096 }).maxNewTokens).toBe(52);
    expect(checked({ ...prompt(40), maxNewTokens: 5 }).maxNewTokens).toBe(5);
    expect(checked({ ...prompt(40), defaults: "none" }).maxNewTokens).toBe(24);
  });

  test("is refused where the prompt leaves nothing", () => {
    for (const tokens of [30, 31]) expect(() => checked(prompt(tokens))).toThrow(/max_length of the model's generation_config\.json is 30/);
  });
});

describe("an engine over a folder with generation_config.json", () => {
  test("draws as the file says where the request does not, and reports it", async () => {
    using model = writeTinyModel();
    writeFileSync(join(model.path, "generation_config.json"), JSON.stringify({ do_sample: true, temperature: 3, top_k: 0, max_new_tokens: 9, no_repeat_ngram_size: 2 }));
    using backend = new ReferenceBackend();
    await using engine = await LocalEngine.load({ path: model.path, backend });
    expect(engine.model.defaults).toMatchObject({ source: "generation_config.json", unsupported: ["no_repeat_ngram_size: 2"] });
    const answer = async (request: GenerationRequest) => {
      for await (const event of engine.generate({ prompt: "The sea", ...request })) if (event.type === "finish") return event;
      throw new Error("no end");
    };
    const [one, two] = [await answer({ sampling: { seed: 1 } }), await answer({ sampling: { seed: 2 } })];
    expect(one.text).not.toBe(two.text);
    expect(one.report.settings).toMatchObject({ temperature: 3, seed: 1, maxNewTokens: 9, origins: { temperature: "model", seed: "request", maxNewTokens: "model" } });
    const greedy = await answer({ sampling: { temperature: 0 }, maxNewTokens: 9 });
    expect((await answer({ defaults: "none", maxNewTokens: 9 })).text).toBe(greedy.text);
    await expect(answer({ defaults: "all" as "none" })).rejects.toThrow(/defaults must be "model" or "none"/);
  });
});
