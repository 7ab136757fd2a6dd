import { deserialize, serialize } from "node:v8";

/** Plain data, typed arrays among it, as bytes for the other ranks: all of them run the same program. */
export function encodeMessage(message: unknown): Uint8Array {
  return serialize(message);
}

export function decodeMessage(bytes: Uint8Array): unknown {
  return deserialize(bytes);
}
