/** A tensor of a checkpoint as float64 numbers. */
export interface OracleTensor {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

export type OracleTensors = ReadonlyMap<string, OracleTensor>;

/** config.json as it is. */
export type OracleConfig = Readonly<Record<string, unknown>>;

/** Angles of a layer: radians a position of each pair, and what multiplies cosine and sine. */
export interface OracleAngles {
  readonly frequencies: readonly number[];
  readonly factor: number;
}

/** Names of a layer's norms behind `model.layers.N.`; undefined where it has none. */
export interface OracleNorms {
  readonly beforeAttention: string | undefined;
  readonly afterAttention: string | undefined;
  readonly beforeMlp: string | undefined;
  readonly afterMlp: string | undefined;
}

/** Experts of a layer. */
export interface OracleExperts {
  readonly count: number;
  readonly chosen: number;
  /** Over the chosen ones alone, or over all. */
  readonly normalized: boolean;
  readonly layout: "mixtral" | "qwen" | "gpt-oss";
}

/**
 * What a family computes, written down from its published definition and not from the adapters that are tested against it.
 */
export interface OracleModel {
  readonly hidden: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly layers: number;
  readonly norm: "rms" | "layer";
  /** Added to a norm's stored weight. */
  readonly gainOffset: number;
  readonly epsilon: number;
  readonly norms: OracleNorms;
  readonly queryKeyNorm: "none" | "head" | "projection";
  readonly fusedQueryKeyValue: boolean;
  readonly fusedGateUp: boolean;
  readonly gated: boolean;
  readonly activation: (x: number) => number;
  readonly experts: OracleExperts | undefined;
  readonly parallel: boolean;
  readonly neighbours: boolean;
  readonly rotated: number;
  /** Undefined in a layer without positions. @param length of the sequence */
  angles(layer: number, length: number): OracleAngles | undefined;
  /** Infinity where a layer sees everything. */
  window(layer: number): number;
  readonly scale: number;
  readonly attentionCap: number | undefined;
  readonly sinks: boolean;
  queryFactor(position: number): number;
  readonly embeddingScale: number;
  readonly residualScale: number;
  readonly logitsScale: number;
  readonly logitsCap: number | undefined;
}
