import type { GenerationDefaults, GenerationSettings, SettingOrigin } from "@elastic-attention/generation";

const origins: Readonly<Record<SettingOrigin, string>> = { request: "given", model: "generation_config.json", engine: "default" };

/** Settings that are shown where they do something, with what they are called. */
const shown = [
  ["topK", "top-k", 0],
  ["topP", "top-p", 1],
  ["minP", "min-p", 0],
  ["repetitionPenalty", "repetition penalty", 1],
] as const;

/** What an answer was drawn with, and where each setting comes from: "temperature 0.6, top-p 0.95 (generation_config.json), seed 7 (given)". */
export function samplingText(settings: GenerationSettings): string {
  const greedy = settings.temperature === 0;
  // Of a greedy answer only the penalty counts.
  const active = shown.filter(([name, , off]) => settings[name] !== off && (!greedy || name === "repetitionPenalty"));
  const parts: (readonly [text: string, origin: SettingOrigin])[] = [
    [greedy ? "greedy" : `temperature ${settings.temperature}`, settings.origins.temperature],
    ...active.map(([name, label]) => [`${label} ${settings[name]}`, settings.origins[name]] as const),
    ...(greedy ? [] : [[`seed ${settings.seed}`, settings.origins.seed] as const]),
  ];
  // One origin for all that share it and stand together.
  return parts.map(([text, origin], index) => (parts[index + 1]?.[1] === origin ? text : `${text} (${origins[origin]})`)).join(", ");
}

/** What the model asks for and is not done, in one line; undefined where there is nothing. */
export function unsupportedText({ source, unsupported }: GenerationDefaults): string | undefined {
  if (unsupported.length === 0) return undefined;
  return `note: ${source} asks for what is not done here: ${unsupported.join(", ")}. Answers may differ from those of other programs.`;
}
