import type { AttentionMode } from "@elastic-attention/attention";
import { UnsupportedRouterError } from "@elastic-attention/core";
import { SparsityDial, type SparsityDialOptions } from "./learned/sparsity-dial.js";
import type { Router, ScoringRouter } from "./router.js";
import { ConstantRouter } from "./static/constant-router.js";
import { StaticRouter, type StaticRouterOptions } from "./static/static-router.js";

/** A router as data that another thread or process makes it from again; the weights of learned ones it has itself. */
export type RouterDescription =
  | { readonly kind: "constant"; readonly mode: AttentionMode; readonly retrievalMode?: AttentionMode }
  | ({ readonly kind: "static" } & StaticRouterOptions)
  | LearnedRouterDescription
  | ({ readonly kind: "dial"; readonly router: RouterDescription } & Omit<SparsityDialOptions, "router">);

export interface LearnedRouterDescription {
  readonly kind: "learned";
  readonly retrievalMode: AttentionMode;
  readonly sparseMode: AttentionMode;
  readonly tieRule: "float32" | "bfloat16";
}

/** @param learned makes the model's own router. @throws UnsupportedRouterError for a dial over a router that does not score */
export function describedRouter(description: RouterDescription, learned: (description: LearnedRouterDescription) => ScoringRouter): Router {
  switch (description.kind) {
    case "constant":
      return new ConstantRouter(description.mode, description.retrievalMode);
    case "static":
      return new StaticRouter(description);
    case "learned":
      return learned(description);
    case "dial": {
      const router = describedRouter(description.router, learned);
      if (!("score" in router)) throw new UnsupportedRouterError(`Router "${router.name}" does not score heads, so that a dial has nothing to move.`);
      return new SparsityDial({ ...description, router: router as ScoringRouter });
    }
  }
}
