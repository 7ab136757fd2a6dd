import { InvalidRequestError } from "@elastic-attention/core";
import type { ChatMessage } from "./generation-request.js";

/**
 * What can be wrong with a conversation whatever the model's template makes of it.
 *
 * @throws InvalidRequestError naming the message: a role that is no text, tool calls whose arguments are not JSON
 */
export function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages)) throw new InvalidRequestError("messages must be a list.");
  if (messages.length === 0) throw new InvalidRequestError("A conversation needs at least one message.");
  for (const [index, message] of (messages as readonly unknown[]).entries()) {
    const where = `messages[${index}]`;
    if (typeof message !== "object" || message === null) throw new InvalidRequestError(`${where} must be an object.`, 'For example { role: "user", content: "Hello" }.');
    const { role, tool_calls: calls } = message as { role?: unknown; tool_calls?: unknown };
    if (typeof role !== "string" || role === "") throw new InvalidRequestError(`${where}.role must be a text such as "user", found ${described(role)}.`);
    if (calls !== undefined && calls !== null) checkToolCalls(calls, `${where}.tool_calls`);
  }
}

/** Roles that templates may leave out or write in their own way. */
const usualRoles: ReadonlySet<string> = new Set(["system", "developer", "user", "assistant", "tool", "function"]);

/**
 * A template that asks for each role it knows leaves other messages out without a word.
 *
 * @param text the conversation as the template wrote it
 * @throws InvalidRequestError naming a message of an unusual role whose text is not there
 */
export function checkNothingLost(messages: readonly ChatMessage[], text: string): void {
  const lost = messages.findIndex(({ role, content }) => !usualRoles.has(role) && typeof content === "string" && !text.includes(content.trim()));
  if (lost < 0) return;
  throw new InvalidRequestError(
    `messages[${lost}]: the model's chat template leaves out messages of the role ${described(messages[lost]!.role)}.`,
    `Most templates know the roles ${[...usualRoles].slice(0, 4).join(", ")}.`,
  );
}

function checkToolCalls(calls: unknown, where: string): void {
  if (!Array.isArray(calls)) throw new InvalidRequestError(`${where} must be a list.`);
  for (const [index, call] of (calls as readonly unknown[]).entries()) {
    const { function: called, arguments: own } = (call ?? {}) as { function?: { arguments?: unknown } | null; arguments?: unknown };
    const given = called?.arguments ?? own;
    if (typeof given !== "string" || isJson(given)) continue;
    throw new InvalidRequestError(
      `${where}[${index}]: the arguments are not JSON: ${described(given)}.`,
      "Give an object, or the text of one, such as {\"city\": \"Oslo\"}.",
    );
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function described(value: unknown): string {
  const text = typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
