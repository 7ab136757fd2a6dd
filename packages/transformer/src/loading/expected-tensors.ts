import type { ModelAdapter, WeightRole } from "../model/model-adapter.js";
import { innerFeatures } from "../model/layer-spec.js";
import type { ModelSpec } from "../model/model-spec.js";
import { outputRows } from "../parallel/model-shard.js";

/** A tensor that a checkpoint of a model has. */
export interface ExpectedTensor {
  readonly role: WeightRole;
  readonly layer: number;
  /** For a weight of one of several experts. */
  readonly expert?: number;
  readonly shape: readonly number[];
  /** Whether there is a bias of as many numbers as the weight has rows. */
  readonly bias: boolean;
}

/** Every tensor that loading reads, biases beside their weights; but for experts in joined tensors (`JoinedExperts`). */
export function* expectedTensors(adapter: Pick<ModelAdapter, "fused" | "expertLayout">, spec: ModelSpec): Generator<ExpectedTensor> {
  const { hiddenSize, vocabularySize, norm } = spec;
  yield { role: "embedding", layer: 0, shape: [vocabularySize, hiddenSize], bias: false };
  if (!spec.tiedEmbeddings) yield { role: "output", layer: 0, shape: [outputRows(spec), hiddenSize], bias: false };
  yield { role: "finalNorm", layer: 0, shape: [hiddenSize], bias: norm.bias };
  for (let layer = 0; layer < spec.numLayers; layer++) {
    for (const role of layerNorms(spec)) yield { role, layer, shape: [hiddenSize], bias: norm.bias };
    for (const [role, length] of headVectors(spec)) yield { role, layer, shape: [length], bias: false };
    for (const matrix of attentionMatrices(adapter, spec)) yield { layer, ...matrix };
    for (const matrix of feedForwardMatrices(adapter, spec, layer)) yield { layer, ...matrix };
  }
}

/** Norms over the hidden size that every layer has. */
export function layerNorms({ normPlaces, parallelParts }: Pick<ModelSpec, "normPlaces" | "parallelParts">): readonly WeightRole[] {
  const before: readonly WeightRole[] = normPlaces === "after" ? [] : parallelParts ? ["attentionNorm"] : ["attentionNorm", "mlpNorm"];
  return normPlaces === "before" ? before : [...before, "attentionOutputNorm", "mlpOutputNorm"];
}

/** Vectors of the heads: norms of queries and keys, sinks. */
function headVectors(spec: ModelSpec): (readonly [WeightRole, number])[] {
  const { headDim, numQueryHeads, numKeyValueHeads, queryKeyNorm, attentionSinks } = spec;
  const [queries, keys] = queryKeyNorm === "head" ? [1, 1] : [numQueryHeads, numKeyValueHeads];
  return [
    ...(queryKeyNorm === "none" ? [] : ([["queryNorm", queries * headDim], ["keyNorm", keys * headDim]] as const)),
    ...(attentionSinks ? ([["sinks", numQueryHeads]] as const) : []),
  ];
}

type Matrix = Omit<ExpectedTensor, "layer">;

function attentionMatrices({ fused = [] }: Pick<ModelAdapter, "fused">, spec: ModelSpec): Matrix[] {
  const { hiddenSize, headDim, queryKeyValueBias: bias } = spec;
  const [queries, keys] = [spec.numQueryHeads * headDim, spec.numKeyValueHeads * headDim];
  const output: Matrix = { role: "attentionOutput", shape: [hiddenSize, queries], bias: spec.attentionOutputBias };
  if (fused.includes("queryKeyValue")) return [{ role: "queryKeyValue", shape: [queries + 2 * keys, hiddenSize], bias }, output];
  return [
    { role: "query", shape: [queries, hiddenSize], bias },
    { role: "key", shape: [keys, hiddenSize], bias },
    { role: "value", shape: [keys, hiddenSize], bias },
    output,
  ];
}

function feedForwardMatrices({ fused = [], expertLayout = "each" }: Pick<ModelAdapter, "fused" | "expertLayout">, { hiddenSize, layers }: ModelSpec, layer: number): Matrix[] {
  const { feedForward } = layers[layer]!;
  const { intermediateSize, gated, bias } = feedForward;
  if (feedForward.kind === "experts") {
    const router: Matrix = { role: "expertRouter", shape: [feedForward.numExperts, hiddenSize], bias: feedForward.routerBias };
    const expertRoles: readonly WeightRole[] = gated ? ["expertGate", "expertUp"] : ["expertUp"];
    const matrices = (expert: number): Matrix[] => [
      ...expertRoles.map((role): Matrix => ({ role, expert, shape: [intermediateSize, hiddenSize], bias })),
      { role: "expertDown", expert, shape: [hiddenSize, intermediateSize], bias },
    ];
    return expertLayout === "joined" ? [router] : [router, ...Array.from({ length: feedForward.numExperts }, (_, expert) => matrices(expert)).flat()];
  }
  const down: Matrix = { role: "down", shape: [hiddenSize, intermediateSize], bias };
  if (gated && fused.includes("gateUp")) return [{ role: "gateUp", shape: [innerFeatures(feedForward), hiddenSize], bias }, down];
  const roles: readonly WeightRole[] = gated ? ["gate", "up"] : ["up"];
  return [...roles.map((role): Matrix => ({ role, shape: [intermediateSize, hiddenSize], bias })), down];
}

/** A weight that loading packs: the tensors that it joins along their outputs. */
export interface PackedTensors {
  readonly names: readonly string[];
  readonly outFeatures: number;
  readonly inFeatures: number;
  /** Whether it chooses experts: such a weight is never quantised. */
  readonly routes: boolean;
}

/** Roles that loading joins into one weight with the tensor before them. */
const joinedRoles: ReadonlySet<WeightRole> = new Set(["key", "value", "up"]);

/** Every weight that products are computed from, but for those of experts. */
export function packedTensors(adapter: Pick<ModelAdapter, "fused" | "expertLayout" | "weightName">, spec: ModelSpec): readonly PackedTensors[] {
  const packed: PackedTensors[] = [];
  let joins: WeightRole | undefined;
  for (const { role, layer, expert, shape } of expectedTensors(adapter, spec)) {
    const [outFeatures, inFeatures] = shape;
    const isHead = role === "output" || (role === "embedding" && spec.tiedEmbeddings);
    if (inFeatures === undefined || expert !== undefined || (role === "embedding" && !isHead)) continue;
    const name = adapter.weightName(role, layer);
    const before = packed.at(-1);
    if (before !== undefined && joins !== undefined && joinedRoles.has(role)) {
      packed[packed.length - 1] = { ...before, names: [...before.names, name], outFeatures: before.outFeatures + outFeatures! };
    } else {
      packed.push({ names: [name], outFeatures: outFeatures!, inFeatures, routes: role === "expertRouter" });
    }
    // A gate is joined by what follows it, as query by key, and key by value; an "up" alone begins a weight.
    joins = role === "query" || role === "key" || role === "gate" ? role : undefined;
  }
  return packed;
}
