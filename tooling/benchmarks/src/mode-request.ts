import { type HeadList, type Router, StaticRouter } from "@elastic-attention/router";
import { type ElasticModeName, elasticModes, type ElasticSizes, type ModelSpec } from "@elastic-attention/transformer";

/** A pair of modes and the share of sparse heads, as `--modes` names it: "full", "fa-ssa:0.70". */
export interface ModeRequest {
  readonly label: string;
  readonly name: ElasticModeName;
  readonly sparsity: number;
}

const names: readonly ElasticModeName[] = ["full", "fa-ssa", "fa-xa", "xa-ssa"];

/** @throws RangeError for anything else */
export function parseModeRequest(text: string): ModeRequest {
  const [name, share] = text.split(":");
  const sparsity = share === undefined ? (name === "full" ? 0 : 0.75) : Number(share);
  const known = names.find((candidate) => candidate === name);
  if (known === undefined || !(sparsity >= 0 && sparsity <= 1)) {
    throw new RangeError(`--modes takes ${names.join(", ")}, each with a share of sparse heads as in fa-ssa:0.70; found "${text}".`);
  }
  return { label: known === "full" ? "full" : `${known} ${sparsity}`, name: known, sparsity };
}

/** A router that gives every layer the same share of sparse heads, to within one head; none for full attention. */
export function requestedRouter({ name, sparsity }: ModeRequest, spec: ModelSpec, sizes: ElasticSizes): Router | undefined {
  if (name === "full") return undefined;
  // Heads by their number, layers of one head number in an order that spreads the last ones over the model.
  const spread = (layer: number) => (layer * 0.6180339887) % 1;
  const scores = Array.from({ length: spec.numLayers }, (_, layer) =>
    Array.from({ length: spec.numKeyValueHeads }, (_, head) => -head - spread(layer)),
  );
  const list: HeadList = { version: 1, description: "the first heads of every layer", scores, sparsity };
  return new StaticRouter({ list, ...elasticModes(name, sizes) });
}
