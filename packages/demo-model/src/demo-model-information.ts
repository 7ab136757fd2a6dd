/** What is known about the embedded model; the README of the package holds the whole recipe. */
export interface DemoModelInformation {
  readonly name: string;
  /** SPDX identifier of the weights' licence. */
  readonly license: string;
  /** Model type of the Hugging Face config. */
  readonly architecture: string;
  /** Number of trained values; the embedding is shared with the output head and counted once. */
  readonly parameters: number;
  readonly vocabularySize: number;
  /** Longest prompt seen in training, in tokens. */
  readonly trainedContext: number;
  /** Positions the config allows; beyond `trainedContext` answers get worse. */
  readonly maximumContext: number;
  readonly training: {
    /** One line: optimizer, data, hardware. */
    readonly recipe: string;
    readonly seed: number;
    readonly steps: number;
    readonly tokens: number;
    readonly minutes: number;
  };
}

/** The facts of the shipped weights. */
export const demoModelInformation: DemoModelInformation = {
  name: "elastic-attention-demo",
  license: "Apache-2.0",
  architecture: "qwen3",
  parameters: 8_724_224,
  vocabularySize: 4096,
  trainedContext: 8448,
  maximumContext: 16_384,
  training: {
    recipe:
      "Muon and AdamW in bf16 on one H100: public-domain prose, technical documents, code, and synthetic long-context " +
      "conversations, in rows of 1024, 2048 and 8448 tokens",
    seed: 1,
    steps: 4675,
    tokens: 1_240_809_472,
    minutes: 18.4,
  },
};
