import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeText, TokenizerError } from "@elastic-attention/core";

/** The files of a model folder that turn text into tokens. */
export interface TokenizerFiles {
  /** Content of tokenizer.json. */
  readonly tokenizer: Readonly<Record<string, unknown>>;
  /** Content of tokenizer_config.json, over that of special_tokens_map.json; empty when the folder has neither. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Source of the chat template, wherever the folder keeps it. */
  readonly chatTemplate: string | undefined;
}

/** @throws TokenizerError for a folder without tokenizer.json, and for files that are not what they should be; TextEncodingError. */
export function readTokenizerFiles(directory: string): TokenizerFiles {
  const tokenizer = readJson(join(directory, "tokenizer.json"));
  if (tokenizer === undefined) {
    throw new TokenizerError(`${directory} has no tokenizer.json.`, {
      hint: "Download tokenizer.json and tokenizer_config.json into the model's folder (older models: save them with the fast tokenizer).",
    });
  }
  // Older folders name special tokens only in a file of their own; where both do, the configuration counts.
  const config = { ...readJson(join(directory, "special_tokens_map.json")), ...readJson(join(directory, "tokenizer_config.json")) };
  return { tokenizer, config, chatTemplate: findChatTemplate(directory, config) };
}

/** A file of its own comes first, as newer models have it; of several named templates the one called "default". */
function findChatTemplate(directory: string, config: Readonly<Record<string, unknown>>): string | undefined {
  const own = readText(join(directory, "chat_template.jinja"));
  if (own !== undefined) return own;
  const value = config["chat_template"] ?? readJson(join(directory, "chat_template.json"))?.["chat_template"];
  if (value === undefined || value === null || typeof value === "string") return value ?? undefined;
  const named = Array.isArray(value) ? (value as { name?: unknown; template?: unknown }[]) : [];
  const chosen = named.find((entry) => entry?.name === "default") ?? named[0];
  if (typeof chosen?.template !== "string") {
    throw new TokenizerError(`${directory}: chat_template is neither a text nor a list of named texts.`, {
      hint: "Put the template into a file chat_template.jinja in the model's folder.",
    });
  }
  return chosen.template;
}

function readJson(path: string): Readonly<Record<string, unknown>> | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TokenizerError(`${path} is not JSON: ${(cause as Error).message}.`, { hint: "Download the file again.", cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TokenizerError(`${path} is not a JSON object.`, { hint: "Download the file again." });
  }
  return value as Record<string, unknown>;
}

/** Undefined when there is no such file. */
function readText(path: string): string | undefined {
  const bytes = readBytes(path);
  return bytes && decodeText(bytes, path);
}

function readBytes(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT" || (cause as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw new TokenizerError(`Cannot read ${path}: ${(cause as Error).message}.`, { hint: "Check the file's permissions.", cause });
  }
}
