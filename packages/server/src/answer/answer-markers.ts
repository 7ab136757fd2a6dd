import type { ChatTemplateOptions, Engine } from "@elastic-attention/generation";
import { structureMarkers } from "./tool-calls/tool-call-formats.js";
import { readToolTemplate, type ToolTemplate } from "./tool-calls/tool-template.js";

/** What a model's vocabulary and template say of the structure of its answers; asked once and kept. */
export class AnswerMarkers {
  #tokens: Promise<ReadonlyMap<number, string>> | undefined;
  #toolTemplate: Promise<ToolTemplate> | undefined;
  readonly #opensThinking = new Map<string, Promise<boolean>>();

  constructor(private readonly engine: Engine) {}

  /** Markers that are one token each: where such tokens are special, their text is left out of answers. */
  tokens(): Promise<ReadonlyMap<number, string>> {
    this.#tokens ??= this.#findTokens().catch((error: unknown) => {
      this.#tokens = undefined;
      throw error;
    });
    return this.#tokens;
  }

  /** What the chat template does with tools. */
  toolTemplate(): Promise<ToolTemplate> {
    this.#toolTemplate ??= readToolTemplate(this.engine).catch((error: unknown) => {
      this.#toolTemplate = undefined;
      throw error;
    });
    return this.#toolTemplate;
  }

  /** Whether prompts end within the model's thoughts: some templates open them. */
  opensThinking(template: ChatTemplateOptions): Promise<boolean> {
    if (!this.engine.model.hasChatTemplate) return Promise.resolve(false);
    const { thinking, variables } = template;
    const key = JSON.stringify([thinking, variables]);
    const known = this.#opensThinking.get(key) ?? this.#rendersThinking({ thinking, variables });
    // Variables are a client's: as many as there are of them must not fill the memory.
    if (this.#opensThinking.size > 100) this.#opensThinking.clear();
    this.#opensThinking.set(key, known);
    return known;
  }

  async #findTokens(): Promise<ReadonlyMap<number, string>> {
    const found = new Map<number, string>();
    for (const marker of structureMarkers) {
      const last = (await this.engine.tokenize({ prompt: marker })).at(-1);
      if (last === undefined) continue;
      const [piece] = await this.engine.pieces(Int32Array.of(last));
      if (piece === marker) found.set(last, marker);
    }
    return found;
  }

  async #rendersThinking(chatTemplate: ChatTemplateOptions): Promise<boolean> {
    try {
      const text = await this.engine.render({ messages: [{ role: "user", content: "Hello" }], chatTemplate });
      return text.trimEnd().endsWith("<think>");
    } catch {
      // A template that refuses this conversation is asked again with the real one, and says why.
      return false;
    }
  }
}
