/** Routers that were trained for a checkpoint that somebody else publishes. */
export interface KnownRouters {
  /** Of the checkpoint, for messages: `SmolLM2-135M-Instruct`. */
  readonly name: string;
  /** Its `checkpointHash`: the same for its safetensors and its GGUF files of any quantisation. */
  readonly hash: string;
  /** The file of routers, as `elastic-attention train` writes it. */
  readonly path: string;
}

const known = new Map<string, KnownRouters>();

/**
 * Makes routers known for a checkpoint: a model that is loaded from it has them, where neither the user nor its folder names others
 * and it brings none. Those of the same checkpoint are replaced.
 */
export function registerRouters(routers: KnownRouters): void {
  known.set(routers.hash, routers);
}

/** The routers that are known for a checkpoint, by its hash. */
export function findRouters(hash: string | undefined): KnownRouters | undefined {
  return hash === undefined ? undefined : known.get(hash);
}
