import { byteSize, flag, optionSchema, type OptionValues, realNumber, repeated, speculationOptions, text, wholeNumber } from "@elastic-attention/core";
import { decodeOption } from "../../options/generation-options.js";
import { modelOptions } from "../../options/model-options.js";
import { rankOptions } from "../../options/rank-options.js";
import { routingOptions } from "../../options/routing-options.js";
import { defineCommand } from "../../program/command-definition.js";

const file = text("a file");
const count = { type: wholeNumber({ minimum: 1 }), placeholder: "n" } as const;
const seconds = { type: realNumber({ above: 0 }), placeholder: "seconds" } as const;

const serveOptions = optionSchema({
  ...modelOptions,
  ...rankOptions,
  ...routingOptions,
  decode: decodeOption,
  ...speculationOptions,
  host: { type: text("an address"), placeholder: "address", description: "address to listen on; 0.0.0.0 is every network", default: "127.0.0.1" },
  port: { type: wholeNumber({ minimum: 0, maximum: 65_535 }), short: "p", placeholder: "n", description: "port to listen on; 0 takes a free one", default: 8080 },
  name: { type: text("a name"), placeholder: "name", description: "what clients call the model", otherwise: "its own name" },
  apiKeyFile: { type: file, placeholder: "file", description: "API keys, one a line, of which every request has to bring one", otherwise: "the variable ELASTIC_ATTENTION_API_KEYS" },
  corsOrigin: { type: repeated(text("an origin")), placeholder: "origin", description: "origin whose pages may ask; * is all of them" },
  tlsKey: { type: file, placeholder: "file", description: "private key, PEM", needs: ["tlsCert"] },
  tlsCert: { type: file, placeholder: "file", description: "certificate, PEM", needs: ["tlsKey"] },
  replicas: { ...count, description: "processes that serve behind one port; a conversation stays with the one that has read it", otherwise: "1 for cuda, else none besides this one" },
  sessionFolder: { type: text("a folder"), placeholder: "folder", description: "where /v1/elastic/sessions/NAME/save keeps conversations", otherwise: "none are kept on disk" },
  maxRunning: { ...count, description: "requests that decode together", default: 64 },
  maxQueue: { type: wholeNumber({ minimum: 0 }), placeholder: "n", description: "requests that may wait; beyond them 429", default: 256 },
  maxPromptTokens: { ...count, description: "longest prompt", otherwise: "the model's context" },
  maxAnswerTokens: { ...count, description: "longest answer, also of requests that name no limit", otherwise: "up to the end of the model's context" },
  prefixCache: { type: byteSize, placeholder: "size", description: "memory for keys and values of finished prompts, so that what a prompt begins with is not read again", otherwise: "half of what the weights leave" },
  reuseAnswers: { type: flag, description: "reuse answers too, so that the next turn reads what is new alone; on cpu its logits then agree to rounding, not to the bit", otherwise: "on cuda" },
  maxBody: { type: byteSize, placeholder: "size", description: "largest body of a request", default: 32 * 1024 ** 2 },
  requestTimeout: { ...seconds, description: "how long a client may take to send a request", default: 60 },
  drainTimeout: { ...seconds, description: "how long running answers may take after Ctrl-C or SIGTERM", default: 30 },
  ui: { type: flag, description: "show the inspector at /: what each request's heads do; needs @elastic-attention/inspector" },
  logPrompts: { type: flag, description: "log the bodies of requests besides" },
});

export type ServeOptions = OptionValues<typeof serveOptions>;

/** The command that answers over HTTP. */
export const serveCommand = defineCommand({
  syntax: "serve [model]",
  description: "answer over HTTP as OpenAI's and Anthropic's APIs do; needs @elastic-attention/server beside this package",
  options: serveOptions,
  notes: `Routes: /v1/chat/completions, /v1/completions, /v1/models, /tokenize, /health, /ready, /metrics, /docs and more. A line of JSON a
request goes to standard output. The first Ctrl-C or SIGTERM lets running answers end, the second one ends the process. --mode,
--sparsity and --decode hold for requests that say nothing of them.`,
  load: async () => (await import("./serve.js")).serve,
});
