/** A kind of model that GGUF files name in `general.architecture`, and how it is named where transformers keeps it. */
export interface GgufArchitecture {
  /** Value of `general.architecture`, and what its keys begin with. */
  readonly name: string;
  /** The class that transformers' config.json names. */
  readonly huggingFaceClass: string;
  /**
   * Whether the rows of a query or key head lie in the order in which neighbours are rotated together. transformers rotates
   * element i with i + headDim / 2, so such rows are put back when they are read.
   */
  readonly rotatesNeighbours: boolean;
  /** RMSNorm of query and key heads. */
  readonly queryKeyNorm: boolean;
  /** Which projections have a bias: always, never, or all of a group where the file has them. */
  readonly biases: {
    readonly queryKeyValue: "always" | "with-output";
    readonly mlp: "never" | "optional";
  };
}

const architectures: readonly GgufArchitecture[] = [
  {
    name: "llama",
    huggingFaceClass: "LlamaForCausalLM",
    rotatesNeighbours: true,
    queryKeyNorm: false,
    biases: { queryKeyValue: "with-output", mlp: "optional" },
  },
  {
    name: "qwen2",
    huggingFaceClass: "Qwen2ForCausalLM",
    rotatesNeighbours: false,
    queryKeyNorm: false,
    biases: { queryKeyValue: "always", mlp: "never" },
  },
  {
    name: "qwen3",
    huggingFaceClass: "Qwen3ForCausalLM",
    rotatesNeighbours: false,
    queryKeyNorm: true,
    biases: { queryKeyValue: "with-output", mlp: "never" },
  },
];

/** By their names. */
export const ggufArchitectures: ReadonlyMap<string, GgufArchitecture> = new Map(architectures.map((each) => [each.name, each]));
