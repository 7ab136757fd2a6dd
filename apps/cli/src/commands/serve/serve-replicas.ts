import { once } from "node:events";
import type * as Server from "@elastic-attention/server";
import { replicaEnvironment } from "./replica.js";

/** What stands at the door. */
export type DoorOptions = Omit<Server.ReplicaOptions, "programs" | "onEnd">;

/** Milliseconds that replicas may take beyond their own deadline to end. */
const endMilliseconds = 5000;

/**
 * Serves through processes of this same command until the signal; each is started again when it ends.
 * @param cardsEach cards that each needs, where it computes on cards
 */
export async function serveReplicas({ ReplicaServer }: typeof Server, count: number, cardsEach: number, options: DoorOptions, signal: AbortSignal, listening: (url: string, model: string | undefined) => void): Promise<void> {
  const programs = Array.from({ length: count }, (_, index) => ({
    path: process.argv[1]!,
    arguments: process.argv.slice(2),
    environment: replicaEnvironment({ index, count }, cardsEach),
  }));
  await using server = await ReplicaServer.start({
    ...options,
    drainMilliseconds: options.drainMilliseconds! + endMilliseconds,
    programs,
    onEnd: (index, code) => console.error(`Replica ${index + 1} ended${code === null ? "" : ` with code ${code}`}; it is started again.`),
  });
  listening(server.url, server.modelId);
  if (!signal.aborted) await once(signal, "abort");
  if (server.running > 0) console.error(`Stopping: ${server.running} request${server.running === 1 ? "" : "s"} may end first.`);
  await server.close();
}

/** Tells the process at the door where this one listens, and ends when the door is gone. */
export function tellDoor(url: string, model: string): void {
  process.send!({ type: "listening", url, model });
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  // Being told of the door's end is no reason to stay.
  process.channel!.unref();
}
