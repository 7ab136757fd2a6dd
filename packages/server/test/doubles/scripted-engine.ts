import { InvalidRequestError } from "@elastic-attention/core";
import type { Engine, EngineReport, GenerationEvent, GenerationRequest, ModelDescription, RoutingReport } from "@elastic-attention/generation";

const model: ModelDescription = {
  name: "scripted",
  architecture: "Scripted",
  parameters: 1,
  contextLength: 1000,
  numLayers: 2,
  numQueryHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  vocabularySize: 1000,
  dtype: "f32",
  weights: "f32",
  backend: "none",
  hasChatTemplate: true,
  hasThinkingSwitch: false,
  defaults: { sampling: {}, unsupported: [] } as unknown as ModelDescription["defaults"],
  modes: ["full", "fa-ssa"],
  windows: [null, null],
  router: "learned",
  routerDescription: "scripted",
  loadSeconds: 0,
  notes: [],
};

export interface Script {
  /** Texts of the tokens. */
  readonly tokens: readonly string[];
  readonly reason?: "end-of-text" | "length" | "stop";
  /** Before each token. */
  readonly pause?: () => Promise<void>;
  /** Before the first layer. */
  readonly prefill?: () => Promise<void>;
  readonly fail?: Error;
  readonly model?: Partial<ModelDescription>;
  /** Whether the template shows tools; default true. */
  readonly showsTools?: boolean;
  /** How it writes a call; default: as Qwen's does. */
  readonly writesCalls?: (name: string, settings: object) => string;
  /** The stop text that ends it. */
  readonly stopText?: string;
  /** What the template ends with. */
  readonly templateEnd?: string;
  /** Special tokens, whose text is left out of answers, by their ids. */
  readonly special?: Readonly<Record<number, string>>;
  /** Ids of the tokens, where they matter. */
  readonly ids?: readonly number[];
}

/** An engine that says what it was told to, and keeps what it was asked. */
export class ScriptedEngine implements Engine {
  readonly model: ModelDescription;
  readonly requests: GenerationRequest[] = [];
  running = 0;
  aborted = 0;

  constructor(private readonly script: Script) {
    this.model = { ...model, ...script.model };
  }

  async *generate(request: GenerationRequest): AsyncGenerator<GenerationEvent, void, undefined> {
    const { tokens, reason = "end-of-text", pause, prefill, fail, ids } = this.script;
    this.requests.push(request);
    if (request.sparsity === 0.125) throw new InvalidRequestError("sparsity 0.125 is not liked.");
    this.running += 1;
    try {
      request.onAccepted?.(7);
      await prefill?.();
      yield { type: "progress", layersDone: 1, layersTotal: 2, promptTokens: 7, processedTokens: 3, cachedTokens: 0, heads: [1, 1] };
      yield { type: "progress", layersDone: 2, layersTotal: 2, promptTokens: 7, processedTokens: 7, cachedTokens: 0, heads: [0, 1] };
      for (const [index, text] of tokens.entries()) {
        await pause?.();
        if (request.signal?.aborted === true) {
          this.aborted += 1;
          yield { type: "finish", answer: 0, reason: "aborted", text: "", report: report(index) };
          return;
        }
        yield { type: "token", id: ids?.[index] ?? 500 + index, text, answer: 0, ...(request.logprobs === undefined ? {} : { logprobs: { logprob: -0.5, top: request.logprobs === 0 ? [] : [{ id: 500 + index, text, logprob: -0.5 }, { id: 1, text: "no", logprob: -Infinity }] } }) };
      }
      if (fail !== undefined) throw fail;
      const { stopText } = this.script;
      yield { type: "finish", answer: 0, reason, text: tokens.join(""), report: report(tokens.length), ...(stopText === undefined ? {} : { stopText }) };
    } finally {
      this.running -= 1;
    }
  }

  /** What was asked of sessions: "save name folder". */
  readonly sessions: string[] = [];

  async closeSession(name: string): Promise<void> {
    this.sessions.push(`close ${name}`);
  }

  async saveSession(name: string, folder: string): Promise<void> {
    this.sessions.push(`save ${name} ${folder}`);
  }

  async restoreSession(name: string, folder: string): Promise<void> {
    this.sessions.push(`restore ${name} ${folder}`);
  }

  async clearPrefixCache(): Promise<void> {}

  async report(): Promise<EngineReport> {
    return { queued: 3, prefilling: 0, decoding: this.running, decodeSteps: 0, decodedTokens: 0, draftedTokens: 0, acceptedTokens: 0, prefills: 0, preemptions: 0, longestStallMilliseconds: 0, idleSessions: 0, idleSessionBytes: 0, keyValueUsage: 0.25, prefixCache: { states: 0, pinned: 0, bytes: 0, queriedTokens: 70, reusedTokens: 20 } };
  }

  async tokenize({ prompt = "" }: Pick<GenerationRequest, "prompt" | "messages">): Promise<Int32Array> {
    const special = Object.entries(this.script.special ?? {}).find(([, text]) => text === prompt);
    return special === undefined ? Int32Array.from(prompt, (letter) => letter.charCodeAt(0)) : Int32Array.of(1, Number(special[0]));
  }

  /** As a template of the script's form would. */
  async render({ messages, chatTemplate }: Pick<GenerationRequest, "messages" | "chatTemplate">): Promise<string> {
    const { writesCalls = (name: string, given: object) => `<tool_call>\n${JSON.stringify({ name, arguments: given })}\n</tool_call>` } = this.script;
    const calls = (message: Readonly<Record<string, unknown>>) =>
      ((message["tool_calls"] ?? []) as { function: { name: string; arguments: object } }[]).map((call) => writesCalls(call.function.name, call.function.arguments)).join("\n");
    const tools = this.script.showsTools === false ? "" : JSON.stringify(chatTemplate?.tools ?? []);
    return tools + messages!.map((message) => `${message.role}: ${JSON.stringify(message.content)}${calls(message)}`).join("\n") + (this.script.templateEnd ?? "");
  }

  async pieces(tokens: Int32Array): Promise<readonly string[]> {
    return Array.from(tokens, (id) => this.script.special?.[id] ?? String.fromCharCode(id));
  }

  async detokenize(tokens: Int32Array): Promise<string> {
    return (await this.pieces(tokens)).join("");
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function report(newTokens: number): RoutingReport {
  return {
    promptTokens: 7,
    reusedTokens: 2,
    newTokens,
    settings: undefined,
    router: "learned",
    modelSparsity: 0.75,
    effectiveSparsity: 0.5,
    modes: ["FA", "SSA"],
    retentions: [{ type: "all" }, { type: "sink-ring", sinkTokens: 128, ringTokens: 512 }],
    headMap: [[0, 1], [1, 1]],
    windows: [null, null],
    prefillSeconds: 0.5,
    prefillTokensPerSecond: 10,
    decodeTokensPerSecond: 20,
    decodeShareSeconds: 0.1,
    keyValueBytes: 100,
    fullKeyValueBytes: 400,
  };
}
