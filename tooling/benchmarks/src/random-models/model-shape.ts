/** The shape of a Llama with random weights. */
export interface ModelShape {
  readonly name: string;
  readonly numLayers: number;
  readonly hiddenSize: number;
  readonly numQueryHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly intermediateSize: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
}

const shapes: readonly ModelShape[] = [
  {
    name: "small",
    numLayers: 4,
    hiddenSize: 1024,
    numQueryHeads: 16,
    numKeyValueHeads: 4,
    headDim: 64,
    intermediateSize: 2816,
    vocabularySize: 32000,
    contextLength: 32768,
  },
  {
    name: "1b",
    numLayers: 16,
    hiddenSize: 2048,
    numQueryHeads: 32,
    numKeyValueHeads: 8,
    headDim: 64,
    intermediateSize: 8192,
    vocabularySize: 32000,
    contextLength: 32768,
  },
  {
    // That of the demo model.
    name: "demo",
    numLayers: 12,
    hiddenSize: 256,
    numQueryHeads: 8,
    numKeyValueHeads: 4,
    headDim: 64,
    intermediateSize: 320,
    vocabularySize: 4096,
    contextLength: 16384,
  },
  {
    name: "tiny",
    numLayers: 2,
    hiddenSize: 64,
    numQueryHeads: 4,
    numKeyValueHeads: 4,
    headDim: 16,
    intermediateSize: 96,
    vocabularySize: 512,
    contextLength: 1024,
  },
];

/** @throws RangeError naming the shapes there are. */
export function modelShape(name: string): ModelShape {
  const shape = shapes.find((candidate) => candidate.name === name);
  if (shape !== undefined) return shape;
  throw new RangeError(`No model shape is named "${name}"; there are: ${shapes.map((known) => known.name).join(", ")}.`);
}

/** What a matrix of a layer, or a table, is called in both formats, and its size. */
export interface WeightMatrix {
  readonly safetensors: string;
  readonly gguf: string;
  readonly rows: number;
  readonly columns: number;
  /**
   * Heads whose rows the GGUF layout of Llama reorders: it rotates neighbouring pairs where the safetensors layout
   * rotates halves. 0 where rows keep their order.
   */
  readonly rotatedHeads: number;
}

/** A norm's weights: all ones here, in float32 in GGUF. */
export interface WeightVector {
  readonly safetensors: string;
  readonly gguf: string;
  readonly length: number;
}

/** Every weight of a model of this shape, untied output. */
export function modelWeights(shape: ModelShape): { readonly matrices: readonly WeightMatrix[]; readonly vectors: readonly WeightVector[] } {
  const { hiddenSize, headDim, numQueryHeads, numKeyValueHeads, intermediateSize, vocabularySize } = shape;
  const [queries, keys] = [numQueryHeads * headDim, numKeyValueHeads * headDim];
  const matrices: WeightMatrix[] = [];
  const vectors: WeightVector[] = [];
  const matrix = (safetensors: string, gguf: string, rows: number, columns: number, rotatedHeads = 0) =>
    matrices.push({ safetensors: `${safetensors}.weight`, gguf: `${gguf}.weight`, rows, columns, rotatedHeads });
  const vector = (safetensors: string, gguf: string) =>
    vectors.push({ safetensors: `${safetensors}.weight`, gguf: `${gguf}.weight`, length: hiddenSize });
  matrix("model.embed_tokens", "token_embd", vocabularySize, hiddenSize);
  for (let layer = 0; layer < shape.numLayers; layer++) {
    const [from, to] = [`model.layers.${layer}`, `blk.${layer}`];
    vector(`${from}.input_layernorm`, `${to}.attn_norm`);
    matrix(`${from}.self_attn.q_proj`, `${to}.attn_q`, queries, hiddenSize, numQueryHeads);
    matrix(`${from}.self_attn.k_proj`, `${to}.attn_k`, keys, hiddenSize, numKeyValueHeads);
    matrix(`${from}.self_attn.v_proj`, `${to}.attn_v`, keys, hiddenSize);
    matrix(`${from}.self_attn.o_proj`, `${to}.attn_output`, hiddenSize, queries);
    vector(`${from}.post_attention_layernorm`, `${to}.ffn_norm`);
    matrix(`${from}.mlp.gate_proj`, `${to}.ffn_gate`, intermediateSize, hiddenSize);
    matrix(`${from}.mlp.up_proj`, `${to}.ffn_up`, intermediateSize, hiddenSize);
    matrix(`${from}.mlp.down_proj`, `${to}.ffn_down`, hiddenSize, intermediateSize);
  }
  vector("model.norm", "output_norm");
  matrix("lm_head", "output", vocabularySize, hiddenSize);
  return { matrices, vectors };
}
