import { randomUUID } from "node:crypto";
import type { SequenceCache } from "@elastic-attention/attention";
import { giveBack } from "../give-back.js";
import type { Answer } from "../answer/answer.js";
import type { GenerationRequest } from "../request/generation-request.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { tokenizing } from "../tokenizer/tokenizing.js";
import { continuedPrompt, freshPrompt, type PromptText, promptParts, type SessionPrompt, withoutCache } from "./session-prompt.js";
import type { SessionPlan, SessionState, SessionStore } from "./session-store.js";

/** The settings that a session's turns must share to go on from each other. */
type TurnSettings = Pick<GenerationRequest, "session" | "reroute" | "mode" | "sparsity" | "decode" | "router">;

/** What a request's plan is made from besides its text; undefined for a router of the caller's own, which has no name. */
export function routingKeyOf({ mode, sparsity, decode = "routed", router }: Omit<TurnSettings, "session" | "reroute">): string | undefined {
  return router === undefined || typeof router === "string" ? JSON.stringify([mode, sparsity, decode, router]) : undefined;
}

/** One turn of a session, or a request without one: what it has to read, and what it leaves. */
export class SessionTurn {
  #joined = false;
  #goesOn = false;
  #prompt: SessionPrompt | undefined;

  constructor(
    private readonly settings: TurnSettings,
    private readonly text: PromptText,
    private readonly sessions: SessionStore,
  ) {}

  /** Whether it is a turn of a session at all. */
  get isOfSession(): boolean {
    return this.settings.session !== undefined;
  }

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
    this.#goesOn = prompt !== undefined;
    this.#prompt = prompt ?? freshPrompt(this.text);
    return prompt?.held?.cache;
  }

  /** The cache is gone: all is read again, under the same plan. */
  loseCache(): void {
    if (this.#prompt !== undefined) this.#prompt = withoutCache(this.#prompt);
  }

  /** Whether it goes on from what the last turn left, also when that is gone meanwhile. */
  get goesOn(): boolean {
    return this.#goesOn;
  }

  /** What all is read under when the cache is gone and no router decides. */
  get plan(): SessionPlan | undefined {
    return this.#prompt?.plan;
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
    return this.#prompt?.held?.assignment ?? this.#prompt?.plan?.assignment;
  }

  /** What the next turn can go on from; undefined without a session, and for an answer that is being computed again. */
  stateAfter(answer: Answer, cache: SequenceCache, assignment: SessionState["assignment"], plan = this.plan): SessionState | undefined {
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
      plan,
      assignment,
    };
  }

  /** Leaves the session with what the turn leaves, if anything. */
  leave(state?: SessionState): void {
    if (this.#joined) this.sessions.end(this.settings.session!, state);
  }

  get #routingKey(): string {
    const { router, decode } = this.settings;
    return routingKeyOf(this.settings) ?? `${ownRouterKey(router as object)} ${decode ?? "routed"}`;
  }
}

const ownRouters = new WeakMap<object, string>();

/** A router of the caller's own has no name: it is the same one only where it is the same object. */
function ownRouterKey(router: object): string {
  const known = ownRouters.get(router);
  if (known !== undefined) return known;
  const key = `own router ${randomUUID()}`;
  ownRouters.set(router, key);
  return key;
}
