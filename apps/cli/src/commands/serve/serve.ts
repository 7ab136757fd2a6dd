import { once } from "node:events";
import { readFileSync } from "node:fs";
import { InvalidOptionError } from "@elastic-attention/core";
import { openEngine } from "../../engine/open-engine.js";
import { requestRouting } from "../../engine/request-settings.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { readApiKeys } from "./api-keys.js";
import { inspectorFolder, loadServer } from "./load-server.js";
import type { ServeOptions } from "./serve-command.js";

const loopback = /^(?:127\.|::1$|localhost$)/;

/** `serve`: answers over HTTP until Ctrl-C or SIGTERM. */
export const serve: CommandFunction<ServeOptions> = async ({ positional, options, signal }) => {
  const model = namedModel(positional[0], options);
  // Everything that can be wrong is found before the model is loaded.
  const { createLogger, formatConstraints, startServer } = await loadServer();
  const page = options.ui === true ? await inspectorFolder() : undefined;
  const { host, port, maxRunning, tlsKey, tlsCert } = options;
  const apiKeys = readApiKeys(options.apiKeyFile);
  const tls = tlsKey === undefined || tlsCert === undefined ? undefined : { key: readFileSync(tlsKey), cert: readFileSync(tlsCert) };
  await using engine = await openEngine({ ...options, ...model }, signal, { maximumBatch: maxRunning }, [formatConstraints]);
  await using server = await startServer(engine, {
    host,
    port,
    enforcesFormats: true,
    apiKeys,
    ...(tls === undefined ? {} : { tls }),
    ...(page === undefined ? {} : { page }),
    ...(options.name === undefined ? {} : { modelId: options.name }),
    ...(options.corsOrigin === undefined ? {} : { corsOrigins: options.corsOrigin }),
    maximumRunning: maxRunning,
    maximumQueue: options.maxQueue,
    ...(options.maxPromptTokens === undefined ? {} : { maximumPromptTokens: options.maxPromptTokens }),
    ...(options.maxAnswerTokens === undefined ? {} : { maximumAnswerTokens: options.maxAnswerTokens }),
    bodyLimitBytes: options.maxBody,
    requestTimeoutMilliseconds: Math.ceil(options.requestTimeout * 1000),
    drainMilliseconds: Math.ceil(options.drainTimeout * 1000),
    routing: { ...requestRouting(options), decode: options.decode },
    logger: createLogger(),
    logsPrompts: options.logPrompts === true,
  });
  const { name } = engine.model;
  if (options.json === true) console.log(JSON.stringify({ url: server.url, model: options.name ?? name }));
  else console.error(`${options.name ?? name} answers at ${server.url}/v1 (${server.url}/docs describes the routes; Ctrl-C stops)`);
  if (apiKeys.length === 0 && !loopback.test(host)) console.error("warning: everybody who reaches this address may ask; --api-key-file closes it.");
  if (!signal.aborted) await once(signal, "abort");
  if (server.running > 0) console.error(`Stopping: ${server.running} request${server.running === 1 ? "" : "s"} may end first.`);
  await server.close();
  return 0;
};

/** A model is named by the argument or by --model. @throws InvalidOptionError for both */
function namedModel(argument: string | undefined, { model }: ServeOptions): { readonly model?: string } {
  if (argument === undefined) return {};
  if (model !== undefined) throw new InvalidOptionError("The model was named twice, by the argument and by --model.", "--model", "Leave one of them out.");
  return { model: argument };
}
