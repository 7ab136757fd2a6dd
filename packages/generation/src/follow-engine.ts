import { InvalidRequestError, MemoryScope } from "@elastic-attention/core";
import { checkSettings } from "./engine-settings.js";
import type { LocalEngineOptions } from "./local-engine.js";
import { openModel } from "./open-model.js";

/**
 * A rank behind the first: loads its share of a model, and computes with the engine of the first rank until that one is
 * disposed. All ranks are given the same options but for `ranks`.
 *
 * While it follows it blocks its thread. When loading fails on any rank it fails on all.
 * @throws the errors of `LocalEngine.load`
 */
export async function followEngine(options: LocalEngineOptions): Promise<void> {
  const { model, ranks, base } = await openModel(options, checkSettings(options));
  using owned = new MemoryScope();
  owned.track(base);
  owned.track(model);
  if (ranks === undefined || ranks.rank === 0) throw new InvalidRequestError("The first rank is an engine (LocalEngine); the others follow it.");
  model.follow(ranks);
}
