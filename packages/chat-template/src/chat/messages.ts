import { TemplateInputError } from "../errors/template-input-error.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import type { Value } from "../values/value.js";

/** Where reasoning may be, the first that is there counts. */
const reasoningKeys = ["reasoning_content", "thinking", "reasoning"];

/**
 * What transformers does to messages: keys that are null go, and reasoning is found under the names that templates use.
 *
 * @param value the messages as they were read
 */
export function prepareMessages(value: Value): PythonDict[] {
  if (!Array.isArray(value)) throw new TemplateInputError("messages must be an array.");
  return (value as readonly Value[]).map((message, index) => {
    if (message instanceof PythonDict) return prepareMessage(message);
    throw new TemplateInputError(`messages[${index}] must be an object.`, { hint: 'Pass objects such as { role: "user", content: "…" }.' });
  });
}

function prepareMessage(message: PythonDict): PythonDict {
  const prepared = PythonDict.of(message.entries().filter(([, value]) => value !== null));
  const reasoning = reasoningKeys.map((key) => prepared.getText(key)).find((value) => value !== undefined);
  if (reasoning === undefined) return prepared;
  prepared.set("reasoning_content", reasoning);
  if (!prepared.has("thinking")) prepared.set("thinking", reasoning);
  return prepared;
}

/** The text of a value that is one. */
export function textOf(value: Value | undefined): string | undefined {
  return value instanceof Markup ? value.value : typeof value === "string" ? value : undefined;
}
