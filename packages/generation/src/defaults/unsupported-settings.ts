/** Values at which a setting changes nothing. */
type Neutral = (value: unknown) => boolean;

const only = (...values: readonly unknown[]): Neutral => (value) => values.includes(value);
const empty: Neutral = (value) => (Array.isArray(value) && value.length === 0) || (typeof value === "object" && value !== null && Object.keys(value).length === 0);

/** Settings of generation_config.json that change what is generated and are not followed here. */
const settings: Readonly<Record<string, Neutral>> = {
  num_beams: only(1),
  num_beam_groups: only(1),
  penalty_alpha: only(0),
  dola_layers: empty,
  guidance_scale: only(1),
  typical_p: only(1),
  top_h: only(1),
  epsilon_cutoff: only(0),
  eta_cutoff: only(0),
  encoder_repetition_penalty: only(1),
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
  token_healing: only(false),
};

/** What of a file would change answers and is not followed, as it stands there: `num_beams: 4`. */
export function unsupportedSettings(values: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(settings).flatMap(([name, isNeutral]) => {
    const value = values[name];
    if (value === undefined || value === null || isNeutral(value)) return [];
    const text = JSON.stringify(value);
    return [`${name}: ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`];
  });
}
