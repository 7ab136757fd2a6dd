import { callsOf, parsed, type ToolCallFormat, type WrittenCall } from "./tool-call-format.js";

/** Qwen, Hermes and many others: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`. */
const hermes: ToolCallFormat = {
  open: "<tool_call>",
  close: "</tool_call>",
  parse: (body) => oneOrSeveral(parsed(body)),
};

/** Mistral: `[TOOL_CALLS][{"name": …, "arguments": {…}}]`, newer models `[TOOL_CALLS]name[ARGS]{…}`. */
const mistral: ToolCallFormat = {
  open: "[TOOL_CALLS]",
  idLength: 9,
  parse: (body) => oneOrSeveral(parsed(body)) ?? namedCalls(body),
};

/** Llama 3 behind its marker for tools. */
const llamaMarked: ToolCallFormat = { open: "<|python_tag|>", parse: separated };

/** Llama 3.1 and later, and models that were told to answer so: the whole answer is the call. */
export const bareJson: ToolCallFormat = { open: "", parse: separated };

/** Formats that a marker begins. */
export const markedFormats: readonly ToolCallFormat[] = [hermes, mistral, llamaMarked];

/** Tokens that mark structure in answers; where a vocabulary has them as special tokens their text is left out of answers. */
export const structureMarkers: readonly string[] = ["<think>", "</think>", ...markedFormats.flatMap(({ open, close }) => (close === undefined ? [open] : [open, close])), "[ARGS]"];

const bareBeginnings = ['{"name":', '{"type":"function"', '{"function":', '{"parameters":'];

/** Whether a text may be the beginning of a call that no marker begins. */
export function mayBeBareCall(text: string): boolean {
  const compact = text.slice(0, 200).replaceAll(/\s+/g, "");
  return bareBeginnings.some((beginning) => beginning.startsWith(compact) || compact.startsWith(beginning));
}

function oneOrSeveral(value: unknown): readonly WrittenCall[] | undefined {
  return value === undefined ? undefined : callsOf(Array.isArray(value) ? value : [value]);
}

/** Calls behind each other, `;` between them. */
function separated(body: string): readonly WrittenCall[] | undefined {
  const text = body.trim();
  return oneOrSeveral(parsed(text)) ?? oneOrSeveral(parsed(`[${text.replaceAll(/\}\s*;\s*\{/g, "},{")}]`));
}

function namedCalls(body: string): readonly WrittenCall[] | undefined {
  const calls = body.split("[TOOL_CALLS]").map((part) => {
    const place = part.search(/\[ARGS\]|\{/);
    if (place < 0) return undefined;
    const name = part.slice(0, place).trim();
    return { name, arguments: parsed(part.slice(place).replace(/^\[ARGS\]/, "")) };
  });
  return callsOf(calls);
}
