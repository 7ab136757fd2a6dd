/** The npm scope of every package in the workspace. */
export const scope = "@elastic-attention/";

/** Configuration that any package may have among its devDependencies. */
export const configurationPackages: readonly string[] = [`${scope}tsup-config`, `${scope}typescript-config`];

const engineBelowGeneration = ["core", "tensor", "attention", "router", "transformer"] as const;

/**
 * The arrows between packages: what the sources of each may import. A model never sees a native backend, which is
 * found at run time; attention knows nothing of models, and models nothing of serving.
 *
 * A new package gets its line here, after everything it stands on.
 */
const sourceArrows: Readonly<Record<string, readonly string[]>> = {
  "chat-template": [],
  core: [],
  tensor: ["core"],
  attention: ["core", "tensor"],
  router: ["core", "tensor", "attention"],
  addon: ["core", "tensor", "attention", "router"],
  cpu: ["core", "tensor", "attention", "router", "addon"],
  cuda: ["core", "tensor", "attention", "router", "addon"],
  transformer: ["core", "tensor", "attention", "router"],
  "model-llama": engineBelowGeneration,
  "model-qwen": engineBelowGeneration,
  "model-families": engineBelowGeneration,
  hub: ["core"],
  tokenizer: ["core"],
  "data-files": ["core"],
  // A model's name is looked up on the hub.
  generation: [...engineBelowGeneration, "hub", "chat-template", "tokenizer"],
  distributed: ["core", "tensor", "addon"],
  training: [...engineBelowGeneration, "data-files", "generation", "distributed"],
  routers: engineBelowGeneration,
  "demo-model": [],
  // Published with what it takes of the fixtures inside.
  conformance: [...engineBelowGeneration, "addon", "fixtures"],
  evaluation: [...engineBelowGeneration, "data-files", "generation", "distributed"],
  server: ["core", "generation"],
};

/**
 * What the tests of a package may import beyond its sources. Tests choose backends, as apps do, but only where that
 * makes no cycle: `cpu` stands on tensor, attention and router, so their tests cannot stand on it.
 */
const testArrows: Readonly<Record<string, readonly string[]>> = {
  cpu: ["conformance", "native-build"],
  cuda: ["conformance"],
  transformer: ["cpu", "cuda"],
  "model-llama": ["cpu", "cuda"],
  "model-qwen": ["cpu", "cuda"],
  "model-families": ["cpu", "cuda"],
  generation: ["cpu", "cuda", "model-llama", "model-qwen", "demo-model"],
  training: ["cpu", "cuda", "model-llama", "model-qwen", "demo-model"],
  evaluation: ["cpu", "cuda", "model-llama", "model-qwen", "demo-model"],
  routers: ["model-llama"],
  server: ["tensor", "cpu", "model-qwen", "demo-model"],
};

/** Made for tests and standing on nothing: any test may import it. */
export const fixturesPackage = "fixtures";

export type ImportSide = "source" | "test";

/** The names (without scope) that a package under `packages/` may import, or undefined where it has no line above. */
export function allowedImports(packageName: string, side: ImportSide): readonly string[] | undefined {
  const fromSource = sourceArrows[packageName];
  if (fromSource === undefined) return undefined;
  return side === "source" ? fromSource : [...fromSource, ...(testArrows[packageName] ?? []), fixturesPackage];
}

/** Whether `name` is a package under `packages/` that has its line in the table. */
export function isLibrary(name: string): boolean {
  return name in sourceArrows;
}
