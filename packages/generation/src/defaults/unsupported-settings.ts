/** Values at which a setting changes nothing. */
type Neutral = (value: unknown) => boolean;

const only = (...values: readonly unknown[]): Neutral => (value) => values.includes(value);
const empty: Neutral = (value) => (Array.isArray(value) && value.length === 0) || (typeof value === "object" && value !== null && Object.keys(value).length === 0);

/** Settings of generation_config.json that change what is generated and are not followed here. */
const settings: Readonly<Record<string, Neutral>> = {
  num_beams: only(1),
  num_beam_groups: only(1),
  diversity_penalty: only(0),
  num_return_sequences: only(1),
  penalty_alpha: only(0),
  dola_layers: empty,
  guidance_scale: only(1),
  typical_p: only(1),
  top_h: only(1),
  epsilon_cutoff: only(0),
  eta_cutoff: only(0),
  encoder_repetition_penalty: only(1),
  encoder_no_repeat_ngram_size: only(0),
  no_repeat_ngram_size: only(0),
  min_length: only(0),
  min_new_tokens: only(0),
  max_time: () => false,
  bad_words_ids: empty,
  force_words_ids: empty,
  constraints: empty,
  sequence_bias: empty,
  suppress_tokens: empty,
  begin_suppress_tokens: empty,
  forced_bos_token_id: () => false,
  forced_eos_token_id: () => false,
  forced_decoder_ids: empty,
  exponential_decay_length_penalty: () => false,
  watermarking_config: () => false,
  remove_invalid_values: only(false),
  token_healing: only(false),
  generation_kwargs: empty,
  // Other caches are another way to the same answer.
  cache_implementation: (value) => value !== "quantized",
};

/** Settings that are followed, and those that change no answer of one text from one model without beams. */
const others: ReadonlySet<string> = new Set([
  "do_sample", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_new_tokens", "max_length", "stop_strings", "eos_token_id",
  "bos_token_id", "pad_token_id", "decoder_start_token_id", "transformers_version",
  "use_cache", "cache_config", "return_legacy_cache", "prefill_chunk_size", "low_memory", "compile_config", "disable_compile", "use_model_defaults",
  "early_stopping", "length_penalty", "renormalize_logits", "output_scores", "output_logits", "output_attentions", "output_hidden_states", "return_dict_in_generate",
  "is_assistant", "num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold", "assistant_early_exit", "assistant_lookbehind", "target_lookbehind",
  "prompt_lookup_num_tokens", "max_matching_ngram_size", "trust_remote_code", "chat_format", "max_window_size",
]);

/**
 * What of a file would change answers and is not followed, as it stands there: `num_beams: 4`. A setting that is not known
 * may change them too.
 */
export function unsupportedSettings(values: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    // Private notes of the program that wrote the file.
    if (value === undefined || value === null || others.has(name) || name.startsWith("_")) return [];
    if (Object.hasOwn(settings, name) && settings[name]!(value)) return [];
    return [`${name}: ${shortened(JSON.stringify(value))}`];
  });
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
