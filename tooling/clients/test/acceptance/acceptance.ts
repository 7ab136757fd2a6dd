import { setTimeout as pause } from "node:timers/promises";
import { Tokenizer, type Engine, type GenerationEvent, type GenerationRequest } from "@elastic-attention/generation";
import { demoModelDirectory } from "@elastic-attention/demo-model";

/** Whether everything is done at its full size, as `node tooling/clients/acceptance.mjs` does; else in seconds. */
export const isFull = process.env["ELASTIC_ATTENTION_ACCEPTANCE"] === "full";

/** A size, and what takes its place in seconds. */
export function scaled<Value>(full: Value, short: Value): Value {
  return isFull ? full : short;
}

/** How long a test may take. */
export const testTimeout = scaled(900_000, 120_000);

const tokenizer = Tokenizer.load(demoModelDirectory());

/** The text's tokens by the demo model's tokenizer. */
export function countTokens(text: string): number {
  return tokenizer.encode(text, { addSpecialTokens: false }).length;
}

/** Lines of a log of a service, so many tokens to a few, with a line of its own in the middle. */
export function logWith(line: string, tokens: number): string {
  const textOf = (count: number) => Array.from({ length: count }, (_, index) => (index === Math.floor(count / 2) ? line : logLine(index))).join("\n");
  const guess = Math.max(2, Math.floor(tokens / countTokens(logLine(7))));
  return textOf(Math.max(2, Math.floor((guess * tokens) / countTokens(textOf(guess)))));
}

function logLine(index: number): string {
  return `INFO Request ${(index * 7919) % 100_000} was answered by worker ${index % 8} in ${(index * 37) % 900} milliseconds.`;
}

/** An engine that takes its time before it tells of anything, as one does that reads a long prompt. */
export function slowed(engine: Engine, milliseconds: number): Engine {
  async function* generate(request: GenerationRequest): AsyncGenerator<GenerationEvent, void, undefined> {
    let isFirst = true;
    for await (const event of engine.generate(request)) {
      if (isFirst) await pause(milliseconds, undefined, request.signal === undefined ? {} : { signal: request.signal }).catch(() => {});
      isFirst = false;
      yield event;
    }
  }
  return new Proxy(engine, { get: (target, name) => (name === "generate" ? generate : bound(target, name)) });
}

function bound(engine: Engine, name: string | symbol): unknown {
  const value: unknown = Reflect.get(engine, name, engine);
  return typeof value === "function" ? (value as (...given: unknown[]) => unknown).bind(engine) : value;
}
