import { InvalidModeError, InvalidOptionError, nearestName, type SpeculationOptions } from "@elastic-attention/core";
import { type EngineSettings, WorkerEngine, type WorkerSettings } from "@elastic-attention/generation";
import { elasticModeNames, findElasticModes, publishedSizes } from "@elastic-attention/transformer";
import type { ModelOptions } from "../options/model-options.js";
import type { RankOptions } from "../options/rank-options.js";
import type { RoutingOptions } from "../options/routing-options.js";
import { moduleUrls } from "../program/load-modules.js";
import { layersOf, Progress } from "../terminal/progress.js";
import { followFirstRank } from "./follow-first-rank.js";
import { loadSettings } from "./load-settings.js";
import { namedModel } from "./model-path.js";
import { RankEnded } from "./rank-ended.js";
import { chosenRanks, isFollowingRank, RankProcesses } from "./ranks.js";
import { requestRouting } from "./request-settings.js";

/** Before a model is loaded. @throws InvalidOptionError for a mode that nobody registered, and for settings that it does not take */
function requireMode({ mode }: RoutingOptions): void {
  try {
    if (mode === undefined || findElasticModes(mode, publishedSizes) !== undefined) return;
  } catch (error) {
    if (InvalidModeError.isInstance(error)) throw new InvalidOptionError(error.reason, "--mode", error.hint);
    throw error;
  }
  const known = elasticModeNames();
  const nearest = nearestName(mode, known);
  throw new InvalidOptionError(
    `--mode must be one of ${known.join(", ")}, found ${JSON.stringify(mode)}.`,
    "--mode",
    nearest === undefined ? "--load brings modes of your own." : `Did you mean "${nearest}"?`,
  );
}

/** What options say of drafts, as engines take it. */
function drafting({ speculate, speculateTokens }: Partial<SpeculationOptions>): Pick<EngineSettings, "speculate" | "speculateTokens"> {
  return { ...(speculate === undefined ? {} : { speculate }), ...(speculateTokens === undefined ? {} : { speculateTokens }) };
}

/** Loads the model in a worker thread, with progress on standard error. @throws the errors of `namedModel` and `WorkerEngine.load` */
export async function openEngine(options: ModelOptions & RoutingOptions & RankOptions & Partial<SpeculationOptions>, signal: AbortSignal, sharing: EngineSettings = {}, setup: readonly string[] = []): Promise<WorkerEngine> {
  requireMode(options);
  const ranks = chosenRanks(options);
  const { path, name } = await namedModel(options, signal);
  const settings: WorkerSettings = {
    ...sharing,
    // Beside this program once it is built.
    setup: [new URL("./register-packages.js", import.meta.url).href, ...setup, ...(await moduleUrls(options.load ?? []))],
    path,
    name,
    ...loadSettings(options),
    ...drafting(options),
    ...(ranks === undefined ? {} : { ranks }),
    routing: requestRouting(options),
  };
  if (isFollowingRank()) {
    await followFirstRank(settings);
    throw new RankEnded();
  }
  const processes = ranks === undefined ? undefined : new RankProcesses(settings, ranks);
  using progress = new Progress("Loading the model", layersOf, "seldom");
  const loading = WorkerEngine.load({ ...settings, signal, onProgress: (done, total) => progress.update(done, total) });
  const engine = await (processes === undefined ? loading : Promise.race([loading, processes.failed]));
  processes?.loaded();
  progress[Symbol.dispose]();
  if (options.json !== true) for (const note of engine.model.notes) console.error(`note: ${note}`);
  return engine;
}
