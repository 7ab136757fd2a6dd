import { once } from "node:events";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { InvalidOptionError } from "@elastic-attention/core";
import { launchedRanks } from "@elastic-attention/distributed";
import type { EngineSettings } from "@elastic-attention/generation";
import type * as Server from "@elastic-attention/server";
import { registeredBackends } from "@elastic-attention/tensor";
import registerPackages from "../../program/register-packages.js";
import { openEngine } from "../../engine/open-engine.js";
import { requestRouting } from "../../engine/request-settings.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { readApiKeys } from "./api-keys.js";
import { inspectorFolder, loadServer } from "./load-server.js";
import { type ReplicaPlace, replicaPlace, threadsOf } from "./replica.js";
import type { ServeOptions } from "./serve-command.js";
import { type DoorOptions, serveReplicas, tellDoor } from "./serve-replicas.js";

const loopback = /^(?:127\.|::1$|localhost$)/;

/** Exit code of a replica whose device is lost to its process: it is started again. */
const deviceLostCode = 70;
/** How long the requests of such a replica have to hear of it. */
const farewellMilliseconds = 500;

/** `serve`: answers over HTTP until Ctrl-C or SIGTERM. */
export const serve: CommandFunction<ServeOptions> = async ({ positional, options, signal }) => {
  const model = namedModel(positional[0], options);
  // Everything that can be wrong is found before the model is loaded.
  const server = await loadServer();
  const page = options.ui === true ? await inspectorFolder() : undefined;
  const door = doorOptions(options);
  const place = replicaPlace();
  const listening = (url: string, name: string | undefined) => {
    if (options.json === true) console.log(JSON.stringify({ url, ...(name === undefined ? {} : { model: name }) }));
    else console.error(`${name ?? "The model"} answers at ${url}/v1 (${url}/docs describes the routes; Ctrl-C stops)`);
    if (door.apiKeys!.length === 0 && !loopback.test(options.host)) console.error("warning: everybody who reaches this address may ask; --api-key-file closes it.");
  };
  const replicas = replicaCount(options);
  if (place === undefined && replicas > 0) {
    await serveReplicas(server, replicas, options.gpus ?? 1, door, signal, listening);
    return 0;
  }
  const threads = options.threads ?? (place === undefined || options.gpus !== undefined ? undefined : threadsOf(place));
  await using engine = await openEngine({ ...options, ...model, ...(threads === undefined ? {} : { threads }) }, signal, { maximumBatch: options.maxRunning, prefixCache: keptPrefixes(options) }, [server.formatConstraints]);
  await using served = await server.startServer(engine, {
    ...door,
    ...(place === undefined ? {} : behindDoor(place)),
    enforcesFormats: true,
    ...(page === undefined ? {} : { page }),
    ...(options.name === undefined ? {} : { modelId: options.name }),
    ...(options.sessionFolder === undefined ? {} : { sessionFolder: resolve(options.sessionFolder) }),
    ...(options.corsOrigin === undefined ? {} : { corsOrigins: options.corsOrigin }),
    ...(options.maxPromptTokens === undefined ? {} : { maximumPromptTokens: options.maxPromptTokens }),
    ...(options.maxAnswerTokens === undefined ? {} : { maximumAnswerTokens: options.maxAnswerTokens }),
    routing: { ...requestRouting(options), decode: options.decode },
    logger: server.createLogger(),
    logsPrompts: options.logPrompts === true,
  });
  const modelId = options.name ?? engine.model.name;
  if (place === undefined) listening(served.url, modelId);
  else tellDoor(served.url, modelId);
  if (!signal.aborted) await once(signal, "abort");
  if (place === undefined && served.running > 0) console.error(`Stopping: ${served.running} request${served.running === 1 ? "" : "s"} may end first.`);
  await served.close();
  return 0;
};

/**
 * Processes behind the door; 0: this one serves by itself. A device that is lost to a process is there again for the next one:
 * where one is needed the door stays open meanwhile.
 *
 * @throws InvalidOptionError for replicas of ranks that a launcher started
 */
function replicaCount({ replicas, backend }: ServeOptions): number {
  if (launchedRanks() === 1) return replicas ?? (needsDevice(backend) ? 1 : 0);
  if (replicas === undefined) return 0;
  throw new InvalidOptionError("--replicas starts processes on this machine, and a launcher has started this one as a rank.", "--replicas", "Leave it out under mpirun or Slurm.");
}

function needsDevice(backend: string): boolean {
  registerPackages();
  return registeredBackends().some(({ name, needsDevice: needs }) => name === backend && needs === true);
}

/** Where the server listens and how much it lets in, whether replicas stand behind it or not. */
function doorOptions(options: ServeOptions): DoorOptions {
  const { host, port, tlsKey, tlsCert } = options;
  return {
    host,
    port,
    apiKeys: readApiKeys(options.apiKeyFile),
    ...(tlsKey === undefined || tlsCert === undefined ? {} : { tls: { key: readFileSync(tlsKey), cert: readFileSync(tlsCert) } }),
    maximumRunning: options.maxRunning,
    maximumQueue: options.maxQueue,
    bodyLimitBytes: options.maxBody,
    requestTimeoutMilliseconds: Math.ceil(options.requestTimeout * 1000),
    drainMilliseconds: Math.ceil(options.drainTimeout * 1000),
  };
}

/** What is kept of prompts that have been read. */
function keptPrefixes({ prefixCache, reuseAnswers }: ServeOptions): NonNullable<EngineSettings["prefixCache"]> {
  return { ...(prefixCache === undefined ? {} : { maxBytes: prefixCache }), ...(reuseAnswers === true ? { answers: true } : {}) };
}

/** How a replica differs from a server of its own. */
function behindDoor({ index }: ReplicaPlace): Pick<Server.ServerOptions, "host" | "port" | "tls" | "isBehindProxy" | "onDeviceLost"> {
  return {
    host: "127.0.0.1",
    port: 0,
    tls: undefined,
    isBehindProxy: true,
    onDeviceLost: (error) => {
      console.error(`Replica ${index + 1}: ${error.message}`);
      setTimeout(() => process.exit(deviceLostCode), farewellMilliseconds);
    },
  };
}

/** A model is named by the argument or by --model. @throws InvalidOptionError for both */
function namedModel(argument: string | undefined, { model }: ServeOptions): { readonly model?: string } {
  if (argument === undefined) return {};
  if (model !== undefined) throw new InvalidOptionError("The model was named twice, by the argument and by --model.", "--model", "Leave one of them out.");
  return { model: argument };
}
