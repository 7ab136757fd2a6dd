import { InvalidModeError, InvalidRequestError } from "@elastic-attention/core";
import { type AttentionMode, attentionModeDefinition, type Retention } from "@elastic-attention/attention";
import { ConstantRouter, makeRouter, type Router, type ScoringRouter, SparsityDial, StaticRouter } from "@elastic-attention/router";
import { elasticModeNames, elasticModes, type ElasticSpec, findElasticModes, type PretrainedModel, routedLayers } from "@elastic-attention/transformer";
import type { GenerationRequest, ModeName } from "./generation-request.js";
import type { RouterChoice, RouterKind } from "./router-choice.js";

/** What routing a request needs of {@link RouterChoice}. */
export type RoutingSource = Pick<RouterChoice, "model" | "headList" | "router">;

/** How one request is routed. */
export interface RequestRouting {
  /** None: every head full. It shares the model's weights and needs no disposal. */
  readonly router: Router | undefined;
  /** What decides; "none" where nothing is to be chosen, "own" for a router of the caller's. */
  readonly kind: RouterKind | "own";
  /** Labels of the modes its head map can name. */
  readonly modeLabels: readonly string[];
  /** What a head of each of these modes keeps for decoding. */
  readonly retentions: readonly Retention[];
}

/** What was found for requests before, by what they asked for; the oldest is forgotten. */
const remembered = new WeakMap<RoutingSource, Map<string, RequestRouting>>();
const rememberedRoutings = 64;

/**
 * The router for a request's `mode` and `sparsity`. Requests that ask for the same share a router, and so are asked about in
 * one call where they are read together.
 *
 * @throws InvalidRequestError for what this model cannot do.
 */
export function routeRequest(source: RoutingSource, { mode, sparsity, router: own }: RoutingWish): RequestRouting {
  if (own !== undefined && typeof own !== "string") {
    if (mode === undefined && sparsity === undefined) return labelled(own, "own");
    throw new InvalidRequestError("Give either a router, or mode and sparsity: a router has its own.");
  }
  // Before anything is looked up: as a key NaN and null are like nothing.
  if (mode !== undefined) expectMode(source, mode);
  if (sparsity !== undefined && !(typeof sparsity === "number" && sparsity >= 0 && sparsity <= 1)) {
    throw new InvalidRequestError(`sparsity must be between 0 and 1, found ${String(sparsity)}.`);
  }
  const known = remembered.get(source) ?? new Map<string, RequestRouting>();
  remembered.set(source, known);
  const key = JSON.stringify([mode, sparsity, own]);
  const routing = known.get(key) ?? newRouting(source, mode, sparsity, own);
  // Last is newest.
  known.delete(key);
  known.set(key, routing);
  if (known.size > rememberedRoutings) known.delete(known.keys().next().value!);
  return routing;
}

/** @param name of a registered router; undefined: the model's own, or its head list */
function newRouting(source: RoutingSource, mode: ModeName | undefined, sparsity: number | undefined, name: string | undefined): RequestRouting {
  if (name !== undefined) return labelled(namedRouter(source, name, mode, sparsity), "own");
  const router = modelRouter(source, mode, sparsity);
  return labelled(router, router === undefined ? "none" : source.router);
}

/** @throws InvalidRequestError for a mode that is not known, and for settings that it does not take */
function expectMode({ model }: RoutingSource, mode: unknown): void {
  try {
    if (typeof mode === "string" && findElasticModes(mode, model.sizes) !== undefined) return;
  } catch (error) {
    if (InvalidModeError.isInstance(error)) throw new InvalidRequestError(error.reason, error.hint);
    throw error;
  }
  throw new InvalidRequestError(`mode must be one of ${elasticModeNames().join(", ")}, found ${JSON.stringify(mode)}.`);
}

function labelled(router: Router | undefined, kind: RequestRouting["kind"]): RequestRouting {
  const modes: readonly AttentionMode[] = router?.modes ?? [{ kind: "full" }];
  return { router, kind, modeLabels: modes.map((each) => attentionModeDefinition(each).label), retentions: modes.map((each) => attentionModeDefinition(each).retention(each)) };
}

/** Routers by name and modes of a model that is loaded. */
const namedRouters = new WeakMap<PretrainedModel, Map<string, Router>>();

/** A registered router, made once for a model and a pair of modes; with a sparsity under the dial. @throws UnknownNameError, InvalidRequestError */
function namedRouter({ model }: RoutingSource, name: string, mode: ModeName | undefined, sparsity: number | undefined): Router {
  const modes = mode === undefined ? (model.spec.elastic ?? elasticModes("fa-ssa", model.sizes)) : elasticModes(mode, model.sizes);
  const { numLayers, numKeyValueHeads, headDim } = model.spec;
  const made = namedRouters.get(model) ?? new Map<string, Router>();
  namedRouters.set(model, made);
  const key = JSON.stringify([name, modes]);
  const router = made.get(key) ?? makeRouter(name, { ...modes, numLayers, numKeyValueHeads, headDim });
  made.set(key, router);
  if (sparsity === undefined) return router;
  if (!isScoring(router)) {
    throw new InvalidRequestError(`Router "${name}" does not score heads, so that sparsity cannot be set.`, "Leave sparsity out.");
  }
  return new SparsityDial({ router, target: sparsity, numLayers, routedLayers: routedLayers(model.spec) });
}

function isScoring(router: Router): router is ScoringRouter {
  return typeof (router as Partial<ScoringRouter>).score === "function";
}

function modelRouter(source: RoutingSource, mode: ModeName | undefined, sparsity: number | undefined): Router | undefined {
  const { model, headList } = source;
  const { retrievalMode, sparseMode } = chooseModes(source, mode, sparsity);
  if (sparseMode.kind === "full") {
    if (sparsity === undefined || sparsity === 0) return undefined;
    throw new InvalidRequestError(
      `Sparsity ${sparsity} asks for heads in a sparse mode, but the mode is "full".`,
      'Choose mode "fa-ssa", "fa-xa" or "xa-ssa", or leave sparsity out.',
    );
  }
  const learned = source.router === "learned" ? model.learnedRouter(retrievalMode, sparseMode) : undefined;
  if (learned !== undefined) {
    if (sparsity === undefined) return learned;
    return new SparsityDial({ router: learned, target: sparsity, numLayers: model.spec.numLayers, routedLayers: routedLayers(model.spec) });
  }
  if (headList !== undefined) {
    // The list ranks all heads of the model, so any share is met to within one head without a dial.
    return new StaticRouter({ list: headList, retrievalMode, sparseMode, routedLayers: routedLayers(model.spec), ...(sparsity === undefined ? {} : { sparsity }) });
  }
  // Nothing is to be chosen at the two ends.
  if (sparsity === 0) return new ConstantRouter(retrievalMode);
  if (sparsity === 1) return new ConstantRouter(sparseMode, retrievalMode);
  if (mode === undefined && sparsity === undefined) return undefined;
  throw missingRouter(mode, sparsity);
}

/** What a request says of its routing. */
export type RoutingWish = Pick<GenerationRequest, "mode" | "sparsity" | "router">;

/** Whether a request needs the model's own router or a head list: without one nothing ranks its heads. */
export function needsRouter({ mode, sparsity, router }: RoutingWish): boolean {
  if (router !== undefined || sparsity === 0 || sparsity === 1) return false;
  return sparsity !== undefined || (mode !== undefined && mode !== "full");
}

/** Error for a model that has neither router nor head list. */
export function missingRouter(mode: ModeName | undefined, sparsity: number | undefined): InvalidRequestError {
  const asked = sparsity === undefined ? `Mode "${mode}"` : `Sparsity ${sparsity}`;
  return new InvalidRequestError(
    `${asked} needs a router, and this model has neither router weights nor a head list.`,
    "Make a head list with `elastic-attention heads` (heads.json in the model's folder), or ask for sparsity 0 or 1.",
  );
}

/** The named pair, else the checkpoint's own; a plain checkpoint is full unless a sparsity is asked for. */
function chooseModes({ model }: RoutingSource, mode: ModeName | undefined, sparsity: number | undefined): ElasticSpec {
  if (mode !== undefined) return elasticModes(mode, model.sizes);
  return model.spec.elastic ?? elasticModes(sparsity === undefined ? "full" : "fa-ssa", model.sizes);
}
