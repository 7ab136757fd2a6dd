import type { MemoryScope } from "@elastic-attention/core";
import { type HeadList, LearnedRouter, type Router, SparsityDial, StaticRouter } from "@elastic-attention/router";
import type { Backend } from "@elastic-attention/tensor";
import { type ElasticModeName, elasticModes, type ElasticSizes, type ModelSpec } from "@elastic-attention/transformer";
import { randomRouters } from "../random-models/random-routers.js";

/** A pair of modes and the share of sparse heads, as `--modes` names it: "full", "fa-ssa:0.70", "fa-ssa:0.70:learned", "fa-ssa:1:router". */
export interface ModeRequest {
  readonly label: string;
  readonly name: ElasticModeName;
  readonly sparsity: number;
  /**
   * Who chooses the heads: a list that is known before; "learned", a learned router (with random weights) under the dial;
   * "router", such a router alone, with a bias that sends all heads one way, so that what it chooses is known.
   */
  readonly choice: "list" | "learned" | "router";
}

const names: readonly ElasticModeName[] = ["full", "fa-ssa", "fa-xa", "xa-ssa"];

/** @throws RangeError for anything else */
export function parseModeRequest(text: string): ModeRequest {
  const [name, share, choice] = text.split(":");
  const sparsity = share === undefined ? (name === "full" ? 0 : 0.75) : Number(share);
  const known = names.find((candidate) => candidate === name);
  const allOneWay = sparsity === 0 || sparsity === 1;
  const sensible = choice === undefined || choice === "learned" || (choice === "router" && allOneWay);
  if (known === undefined || !(sparsity >= 0 && sparsity <= 1) || !sensible) {
    throw new RangeError(
      `--modes takes ${names.join(", ")}, each with a share of sparse heads as in fa-ssa:0.70, and :learned behind it, or :router ` +
        `behind 0 or 1; found "${text}".`,
    );
  }
  return { label: known === "full" ? "full" : [known, sparsity, ...(choice === undefined ? [] : [choice])].join(" "), name: known, sparsity, choice: choice ?? "list" };
}

/**
 * A router that gives every layer the same share of sparse heads, to within one head; none for full attention.
 * @param scope owns the weights of a learned one
 */
export function requestedRouter(
  { name, sparsity, choice }: ModeRequest,
  backend: Backend,
  spec: ModelSpec,
  sizes: ElasticSizes,
  scope: MemoryScope,
): Router | undefined {
  if (name === "full") return undefined;
  if (choice !== "list") {
    const layers = randomRouters(backend, spec, scope);
    const router = new LearnedRouter({ layers, ...elasticModes(name, sizes) });
    if (choice === "router") {
      for (const { routerMlp } of layers) backend.write(routerMlp[2].bias, Float32Array.of(sparsity * 1e6, (1 - sparsity) * 1e6));
      return router;
    }
    return new SparsityDial({ router, target: sparsity, numLayers: spec.numLayers });
  }
  // Heads by their number, layers of one head number in an order that spreads the last ones over the model.
  const spread = (layer: number) => (layer * 0.6180339887) % 1;
  const scores = Array.from({ length: spec.numLayers }, (_, layer) =>
    Array.from({ length: spec.numKeyValueHeads }, (_, head) => -head - spread(layer)),
  );
  const list: HeadList = { version: 1, description: "the first heads of every layer", scores, sparsity };
  return new StaticRouter({ list, ...elasticModes(name, sizes) });
}
