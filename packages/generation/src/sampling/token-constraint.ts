import { ElasticAttentionError, InvalidRequestError, TokenConstraintError } from "@elastic-attention/core";
import type { Tokenizer } from "../tokenizer/tokenizer.js";

/** What decides, token by token, which ones an answer may go on with: a grammar, a schema, a list of choices. */
export interface TokenConstraint {
  /**
   * Which tokens may come next: ⌈vocabularySize / 32⌉ words, bit `token % 32` of word `token >> 5` is 1 where one may;
   * undefined: all may. The words are read at once and may be used again. May be asked twice for one token.
   */
  nextMask(): Int32Array | undefined;
  /** The answer goes on with this token, an end of text among them. */
  accept(token: number): void;
  /** Whether the answer is complete: it ends then, with reason "stop". */
  readonly done: boolean;
  /** The answer has ended. */
  dispose?(): void;
}

/** What a constraint can be made from. */
export interface TokenConstraintContext {
  readonly tokenizer: Tokenizer;
  /** Logits that the model gives for a token; may be more than the tokenizer has tokens. */
  readonly vocabularySize: number;
  /** Tokens that end an answer; a constraint allows them where the answer may end. */
  readonly endOfText: ReadonlySet<number>;
}

/**
 * Makes the constraint of one answer, before anything is computed.
 * @param options as the request gives them: plain data, of any shape
 * @throws InvalidRequestError for options that it cannot follow
 */
export type TokenConstraintFactory = (options: unknown, context: TokenConstraintContext) => TokenConstraint | Promise<TokenConstraint>;

/** What a request says of its constraint. Only data, so that it can cross threads. */
export interface ConstraintRequest {
  /** As `registerTokenConstraint` knows it in the thread that computes. */
  readonly name: string;
  readonly options?: unknown;
}

const factories = new Map<string, TokenConstraintFactory>();

/** Makes a kind of constraint known by a name; a later one takes the name over. For `WorkerEngine` in a `setup` module. */
export function registerTokenConstraint(name: string, factory: TokenConstraintFactory): void {
  factories.set(name, factory);
}

/** Names of the constraints that are known. */
export function tokenConstraintNames(): readonly string[] {
  return [...factories.keys()];
}

/** @throws InvalidRequestError for what is no constraint, and for an unknown name */
export function checkConstraint(constraint: ConstraintRequest | undefined): void {
  if (constraint === undefined) return;
  const { name } = (constraint ?? {}) as Partial<ConstraintRequest>;
  if (typeof name !== "string") throw new InvalidRequestError("constraint must have the name of a token constraint.");
  if (factories.has(name)) return;
  const known = tokenConstraintNames();
  const hint = known.length === 0 ? "None is registered: call registerTokenConstraint where the engine computes." : `Known: ${known.join(", ")}.`;
  throw new InvalidRequestError(`Unknown token constraint ${JSON.stringify(name)}.`, hint);
}

/**
 * One constraint for each of `count` answers; none where the request asks for none.
 * @throws InvalidRequestError, TokenConstraintError for a factory that fails; those made until then are disposed
 */
export async function makeConstraints(asked: ConstraintRequest | undefined, count: number, context: TokenConstraintContext): Promise<readonly TokenConstraint[]> {
  if (asked === undefined) return [];
  const { name, options } = asked;
  const made: TokenConstraint[] = [];
  try {
    while (made.length < count) made.push(await factories.get(name)!(options, context));
    return made;
  } catch (cause) {
    for (const constraint of made) constraint.dispose?.();
    if (ElasticAttentionError.isInstance(cause)) throw cause;
    throw new TokenConstraintError(name, `cannot be made: ${messageOf(cause)}.`, { hint: "Look at its options.", cause });
  }
}

/** What an error says, without a full stop. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}
