import { followEngine, type WorkerSettings } from "@elastic-attention/generation";

/** Loads this rank's share of the model and follows the first rank until it is done; blocks the thread meanwhile. */
export async function followFirstRank({ setup, ...settings }: WorkerSettings): Promise<void> {
  for (const module of setup) {
    const { default: register } = (await import(module)) as { default: () => void | Promise<void> };
    await register();
  }
  await followEngine(settings);
}
