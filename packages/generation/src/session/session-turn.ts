import type { SequenceCache } from "@elastic-attention/attention";
import { giveBack } from "../give-back.js";
import type { Answer } from "../request/answer.js";
import type { GenerationRequest } from "../request/generation-request.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { tokenizing } from "../tokenizer/tokenizing.js";
import { continuedPrompt, freshPrompt, type PromptText, promptParts, type SessionPrompt, withoutCache } from "./session-prompt.js";
import type { SessionState, SessionStore } from "./session-store.js";

/** The settings that a session's turns must share to go on from each other. */
type TurnSettings = Pick<GenerationRequest, "session" | "reroute" | "mode" | "sparsity" | "decode" | "router">;

/** One turn of a session, or a request without one: what it has to read, and what it leaves. */
export class SessionTurn {
  #joined = false;
  #prompt: SessionPrompt | undefined;

  constructor(
    private readonly settings: TurnSettings,
    private readonly text: PromptText,
    private readonly sessions: SessionStore,
  ) {}

  /** Enters the session. @throws InvalidRequestError while another turn of it runs */
  join(): void {
    const { session } = this.settings;
    if (session === undefined) return;
    this.sessions.begin(session);
    this.#joined = true;
  }

  /**
   * Takes what the last turn left, if this one goes on from there.
   *
   * @param mostTokens of the whole prompt.
   * @returns the last turn's cache, which is the caller's from now on
   * @throws TokenizerError, and the last turn's cache is freed
   */
  begin(tokenizer: Tokenizer, mostTokens: number): SequenceCache | undefined {
    if (this.#prompt !== undefined) return undefined;
    const { session, reroute = false } = this.settings;
    const held = session === undefined ? undefined : this.sessions.take(session);
    let prompt: SessionPrompt | undefined;
    try {
      const mayContinue = held !== undefined && !reroute && held.routingKey === this.#routingKey;
      prompt = mayContinue ? tokenizing(() => continuedPrompt(this.text, held, tokenizer)) : undefined;
      if (prompt !== undefined && prompt.tokens.length > mostTokens) prompt = undefined;
    } finally {
      if (prompt === undefined) giveBack(held?.cache);
    }
    this.#prompt = prompt ?? freshPrompt(this.text);
    return prompt?.held?.cache;
  }

  /** The cache is gone: all is read again, under the same plan. */
  loseCache(): void {
    if (this.#prompt !== undefined) this.#prompt = withoutCache(this.#prompt);
  }

  /** What is left to read, in parts: the router decides on the first, and the others follow its plan. */
  get parts(): Int32Array[] {
    return promptParts(this.#prompt!);
  }

  /** Of the prompt's tokens, those that the cache held already. */
  get reusedTokens(): number {
    return this.#prompt?.held?.cachedTokens.length ?? 0;
  }

  /** The plan that the first turn was given, where this one goes on under it. */
  get heldAssignment(): SessionState["assignment"] | undefined {
    return this.#prompt?.held?.assignment;
  }

  /** What the next turn can go on from; undefined without a session, and for an answer that is being computed again. */
  stateAfter(answer: Answer, cache: SequenceCache, assignment: SessionState["assignment"]): SessionState | undefined {
    if (this.settings.session === undefined || !answer.isCaughtUp) return undefined;
    const { text } = this.text;
    const { tokens, routedTokens } = this.#prompt!;
    const [read, pendingTokens] = answer.readAndPending;
    return {
      cache,
      cachedTokens: [...tokens, ...read],
      routedTokens,
      pendingTokens,
      text: text === undefined ? undefined : text + answer.rawText,
      routingKey: this.#routingKey,
      assignment,
    };
  }

  /** Leaves the session with what the turn leaves, if anything. */
  leave(state?: SessionState): void {
    if (this.#joined) this.sessions.end(this.settings.session!, state);
  }

  get #routingKey(): string {
    const { mode, sparsity, decode = "routed", router } = this.settings;
    // A router of the caller's own is another one every time, as far as anybody can tell.
    return JSON.stringify([mode, sparsity, decode, router === undefined || typeof router === "string" ? router : Math.random()]);
  }
}
