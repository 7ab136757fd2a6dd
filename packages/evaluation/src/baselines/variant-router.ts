import { EvaluationError } from "@elastic-attention/core";
import { type LocalEngine, routeRequest } from "@elastic-attention/generation";
import { ConstantRouter, type HeadList, randomHeadList, type Router, StaticRouter } from "@elastic-attention/router";
import { elasticModeSettings, routedLayers } from "@elastic-attention/transformer";
import { readHeadScores, requireShape } from "./head-scores-file.js";
import type { Variant } from "./variant.js";

/**
 * The router that a variant stands for; undefined is full attention everywhere. It shares the model's weights and needs no
 * disposal.
 *
 * @param seed of random heads
 * @param router name of a registered router for the elastic variants
 * @throws InvalidRequestError for a model without a router, HeadListError, EvaluationError
 */
export function variantRouter(variant: Variant, engine: LocalEngine, seed: number, router?: string): Router | undefined {
  const { sizes, spec } = engine.pretrained;
  const { full, streaming, xattention } = elasticModeSettings(sizes);
  const fixed = (list: HeadList, sparsity = list.sparsity) =>
    new StaticRouter({ list, retrievalMode: full, sparseMode: streaming, sparsity, routedLayers: routedLayers(spec) });
  switch (variant.kind) {
    case "full":
      return undefined;
    case "xattention":
      return new ConstantRouter(xattention, full);
    case "streaming":
      return new ConstantRouter(streaming, full);
    case "elastic": {
      const { mode, sparsity } = variant;
      const source = { model: engine.pretrained, headList: engine.headList, router: engine.model.router };
      return routeRequest(source, {
        mode,
        ...(sparsity === undefined ? {} : { sparsity }),
        ...(router === undefined ? {} : { router }),
      }).router;
    }
    case "static":
      if (engine.headList === undefined) {
        throw new EvaluationError(
          `Mode "${variant.name}" needs a head list, and this model has none.`,
          "Make one with `elastic-attention heads`, or name one: list:FILE.",
        );
      }
      return fixed(engine.headList, variant.sparsity);
    case "random":
      return fixed(randomHeadList({ ...spec, seed }), variant.sparsity);
    case "list": {
      const list = readHeadScores(variant.file);
      requireShape(list, variant.file, spec.numLayers, spec.numKeyValueHeads);
      return fixed(list, variant.sparsity);
    }
  }
}
