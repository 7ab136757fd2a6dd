/** How a model writes calls of tools, to the letter: what a grammar holds it to and what its text is read by. */
export interface CallForm {
  readonly name: CallFormName;
  /** Marker in front of calls; empty: the whole answer is the call. */
  readonly opener: string;
  /** Between the opener and the first call, and behind the last one, where several calls share an opener. */
  readonly list?: { readonly open: string; readonly separator: string; readonly close: string };
  /** Between two calls that have an opener each; undefined: the model calls one tool at a time. */
  readonly separator?: string;
  /** From the opener, or the last call, to the arguments. @param name of the tool, or what stands for it in a pattern */
  readonly head: (name: string) => string;
  /** Behind the arguments. */
  readonly tail: string;
  /** Marker behind a call, where there is one. */
  readonly closer: string;
  /** Length of the ids that the model's template takes; undefined for any. */
  readonly idLength?: number;
}

export type CallFormName = "hermes" | "mistral" | "mistral-named" | "llama";

const forms: Readonly<Record<CallFormName, CallForm>> = {
  /** Qwen, Hermes and many others. */
  hermes: { name: "hermes", opener: "<tool_call>", separator: "\n", head: (name) => `\n{"name": "${name}", "arguments": `, tail: "}\n", closer: "</tool_call>" },
  mistral: {
    name: "mistral",
    opener: "[TOOL_CALLS]",
    list: { open: "[", separator: ", ", close: "]" },
    head: (name) => `{"name": "${name}", "arguments": `,
    tail: "}",
    closer: "",
    idLength: 9,
  },
  /** Newer models of Mistral. */
  "mistral-named": { name: "mistral-named", opener: "[TOOL_CALLS]", separator: "", head: (name) => `${name}[ARGS]`, tail: "", closer: "", idLength: 9 },
  /** Llama 3.1 and later. */
  llama: { name: "llama", opener: "", head: (name) => `{"name": "${name}", "parameters": `, tail: "}", closer: "" },
};

export function callForm(name: CallFormName): CallForm {
  return forms[name];
}

/** Whether a model can call several tools in one answer. */
export function takesSeveral({ list, separator }: CallForm): boolean {
  return list !== undefined || separator !== undefined;
}
