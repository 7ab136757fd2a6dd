import type { RequestRecording } from "@elastic-attention/generation";
import { z } from "zod/mini";

const count = z.int().check(z.minimum(0));
const seconds = z.number().check(z.minimum(0));
const share = z.number().check(z.minimum(0), z.maximum(1));
const heads = z.array(count).check(z.maxLength(1024));

const retention = z.union([
  z.object({ type: z.literal("all") }),
  z.object({ type: z.literal("sink-ring"), sinkTokens: count, ringTokens: count }),
]);

const report = z.looseObject({
  promptTokens: count,
  reusedTokens: count,
  newTokens: count,
  router: z.string(),
  modelSparsity: share,
  effectiveSparsity: share,
  modes: z.array(z.string()).check(z.maxLength(64)),
  retentions: z.array(retention),
  headMap: z.array(heads).check(z.maxLength(1024)),
  windows: z.array(z.nullable(count)),
  prefillSeconds: seconds,
  prefillTokensPerSecond: seconds,
  decodeTokensPerSecond: seconds,
  keyValueBytes: count,
  fullKeyValueBytes: count,
});

const event = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("progress"), at: seconds, layersDone: count, layersTotal: count.check(z.maximum(1024)), promptTokens: count, heads }),
  z.looseObject({ type: z.literal("token"), at: seconds, id: count, text: z.string() }),
  z.looseObject({ type: z.literal("finish"), at: seconds, reason: z.string(), report }),
  z.looseObject({ type: z.literal("error"), at: seconds, name: z.string(), message: z.string() }),
]);

const recording = z.looseObject({
  format: z.literal("elastic-attention-recording"),
  version: z.literal(1),
  model: z.looseObject({
    name: z.string(),
    architecture: z.string(),
    contextLength: count,
    numLayers: count.check(z.maximum(1024)),
    numQueryHeads: count,
    numKeyValueHeads: count.check(z.maximum(1024)),
    headDim: count,
    dtype: z.string(),
    backend: z.string(),
    routerDescription: z.string(),
  }),
  request: z.looseObject({
    mode: z.optional(z.string()),
    sparsity: z.optional(share),
    decode: z.optional(z.enum(["routed", "full"])),
    maxNewTokens: z.optional(count),
  }),
  promptPieces: z.optional(z.array(z.string())),
  events: z.array(event),
});

/** Why a file is no recording, in words for its user. */
export class RecordingError extends Error {
  override readonly name = "RecordingError";
}

/** A recording from the text of its file. @throws RecordingError */
export function readRecording(text: string): RequestRecording {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new RecordingError("The file is not JSON. A recording is what elastic-attention run --record FILE writes.");
  }
  const read = recording.safeParse(data);
  if (read.success) return read.data as unknown as RequestRecording;
  const { path, message } = read.error.issues[0]!;
  if ((data as { format?: unknown } | null)?.format !== "elastic-attention-recording") {
    throw new RecordingError("The file is no recording: elastic-attention run --record FILE writes one.");
  }
  throw new RecordingError(`The recording cannot be read: ${path.join(".") || "it"}: ${message}.`);
}
