import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { copyHeldRows, exactRowDType, heldRanges, type HeldRanges, type LayerCache, type SequenceCache, unpackedCache } from "@elastic-attention/attention";
import { ElasticAttentionError, FileWriteError, MemoryScope, SavedSessionError } from "@elastic-attention/core";
import { dtypeByteSize, dtypeElement, type FloatDType, SafetensorsFile, type Tensor, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import type { PretrainedModel } from "@elastic-attention/transformer";
import type { SessionState } from "../session-store.js";
import { modelFingerprint } from "./model-fingerprint.js";
import { manifestProblem, type SessionManifest } from "./session-manifest.js";

const format = "elastic-attention-session";
const version = "1";

/** Where a session is saved: its name is hashed, so that no name leaves the folder. */
export function savedSessionPath(folder: string, name: string): string {
  return join(folder, `${createHash("sha256").update(name).digest("hex")}.session.safetensors`);
}

/**
 * Writes what a session's turns left to a file of a folder, which is made where there is none: whole or not at all. It is
 * readable by its owner alone where the folder was made here.
 *
 * @throws FileWriteError
 */
export function writeSession(folder: string, name: string, state: SessionState, model: PretrainedModel): void {
  const { cache, cachedTokens, routedTokens, pendingTokens, text, routingKey, plan, assignment } = state;
  const layers = Array.from({ length: cache.numLayers }, (_, layer) => cache.layer(layer));
  const manifest: SessionManifest = {
    name,
    decode: cache.decode,
    cachedTokens,
    routedTokens,
    pendingTokens,
    text,
    routingKey,
    hasPlan: plan !== undefined,
    assignment,
    modes: layers.map((_, layer) => cache.modes(layer)!),
    held: layers.map(heldRanges),
  };
  const tensors = new Map<string, TensorSource>();
  for (const [index, layer] of layers.entries()) {
    for (const side of ["keys", "values"] as const) tensors.set(tensorName(index, side), sourceOf(layer, side, savedDType(model)));
  }
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new FileWriteError(folder, cause);
  }
  writeSafetensors(savedSessionPath(folder, name), tensors, { format, version, model: modelFingerprint(model), session: JSON.stringify(manifest) });
}

/**
 * Reads a saved session back. Nothing of the file is believed: what does not fit the model is refused before memory is taken.
 *
 * @returns the state, whose cache is the caller's
 * @throws SavedSessionError for a file that is missing, damaged, of another model or another session; OutOfMemoryError
 */
export function readSession(folder: string, name: string, model: PretrainedModel): SessionState {
  const path = savedSessionPath(folder, name);
  using file = openSession(path);
  const manifest = checkedManifest(path, file, name, model);
  const cache = model.decoder.createCache({ decode: manifest.decode });
  try {
    for (let layer = 0; layer < cache.numLayers; layer++) fillLayer(cache, layer, file, manifest, model);
    cache.advance(manifest.cachedTokens.length);
  } catch (error) {
    cache.dispose();
    throw error;
  }
  const { cachedTokens, routedTokens, pendingTokens, text, routingKey, hasPlan, assignment, modes } = manifest;
  return { cache, cachedTokens, routedTokens, pendingTokens, text, routingKey, assignment, plan: hasPlan ? { modes, assignment } : undefined };
}

/** What rows are saved in: the keys and values of a cache come back to the same bits. */
function savedDType({ decoder }: PretrainedModel): FloatDType {
  return exactRowDType(decoder.dtype, decoder.caches.cacheType);
}

const tensorName = (layer: number, side: "keys" | "values") => `layers.${layer}.${side}`;

/** Rows [all heads' positions, headDim], head after head, as floats: a rounded cache rounds them to the same bits again. */
function sourceOf(layer: LayerCache, side: "keys" | "values", dtype: FloatDType): TensorSource {
  const { backend } = layer[side];
  const shape = [countRows(heldRanges(layer)), layer.headDim];
  return {
    type: dtypeElement(dtype),
    shape,
    bytes() {
      using scope = new MemoryScope();
      const floats = unpackedCache(backend, layer, dtype, scope);
      const copy = scope.track(backend.allocate(shape, dtype));
      let row = 0;
      for (const [head, ranges] of heldRanges(floats).entries()) {
        copyHeldRows(floats, head, floats[side], copy, row);
        row += countRows([ranges]);
      }
      return copy.download();
    },
  };
}

function countRows(heads: readonly HeldRanges[]): number {
  return heads.flat().reduce((sum, [start, end]) => sum + end - start, 0);
}

/** @throws SavedSessionError */
function openSession(path: string): SafetensorsFile {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new SavedSessionError(path, "is not there: no such session was saved in this folder.");
  // A link may lead out of the folder.
  if (!status.isFile()) throw new SavedSessionError(path, "is not a regular file.");
  try {
    return SafetensorsFile.open(path);
  } catch (cause) {
    if (ElasticAttentionError.isInstance(cause)) throw new SavedSessionError(path, `is damaged: ${cause.message}`);
    throw cause;
  }
}

/** @throws SavedSessionError */
function checkedManifest(path: string, file: SafetensorsFile, name: string, model: PretrainedModel): SessionManifest {
  const { metadata } = file;
  const { spec } = model;
  if (metadata.get("format") !== format) throw new SavedSessionError(path, "is no saved session.");
  if (metadata.get("version") !== version) {
    throw new SavedSessionError(path, `has version ${metadata.get("version")}; this release reads version ${version}.`);
  }
  if (metadata.get("model") !== modelFingerprint(model)) {
    throw new SavedSessionError(path, "was saved with another model, or with this one in another type.", "Load the model that the session was saved with.");
  }
  let manifest: unknown;
  try {
    manifest = JSON.parse(metadata.get("session") ?? "");
  } catch {
    throw new SavedSessionError(path, "is damaged: what it says of the session is not JSON.");
  }
  const problem = manifestProblem(manifest, spec);
  if (problem !== undefined) throw new SavedSessionError(path, `is damaged: the session ${problem}.`);
  const session = manifest as SessionManifest;
  if (session.name !== name) throw new SavedSessionError(path, "is another session's file.");
  const names = new Set<string>();
  for (const [layer, held] of session.held.entries()) {
    for (const side of ["keys", "values"] as const) {
      const entry = file.tensors.get(tensorName(layer, side));
      const fits = entry?.type === dtypeElement(savedDType(model)) && entry.shape.length === 2 && entry.shape[0] === countRows(held) && entry.shape[1] === spec.headDim;
      if (!fits) throw new SavedSessionError(path, `is damaged: ${tensorName(layer, side)} is not what the session says.`);
      names.add(tensorName(layer, side));
    }
  }
  if (file.tensors.size !== names.size) throw new SavedSessionError(path, "is damaged: it has tensors of nothing.");
  return session;
}

/** Adds all tokens to a layer, those that are not held as zeros, and drops what its modes do not need. */
function fillLayer(cache: SequenceCache, layer: number, file: SafetensorsFile, { cachedTokens, held, modes }: SessionManifest, model: PretrainedModel): void {
  const { decoder, spec } = model;
  const dtype = savedDType(model);
  const { numKeyValueHeads, headDim } = spec;
  const shape = [cachedTokens.length, numKeyValueHeads, headDim];
  const upload = (side: "keys" | "values"): Tensor => {
    const bytes = tokensOf(file.read(tensorName(layer, side)), held[layer]!, shape, headDim * dtypeByteSize(dtype));
    return decoder.backend.upload(bytes, shape, dtype);
  };
  using keys = upload("keys");
  using values = upload("values");
  cache.append(layer, keys, values);
  cache.settle(layer, modes[layer]!);
}

/** Bytes of [tokens, heads, headDim] from rows head after head. */
function tokensOf(rows: Uint8Array, held: readonly HeldRanges[], [tokens, heads]: readonly number[], rowBytes: number): Uint8Array {
  const bytes = new Uint8Array(tokens! * heads! * rowBytes);
  let row = 0;
  for (const [head, ranges] of held.entries()) {
    for (const [start, end] of ranges) {
      for (let position = start; position < end; position++, row++) {
        bytes.set(rows.subarray(row * rowBytes, (row + 1) * rowBytes), (position * heads! + head) * rowBytes);
      }
    }
  }
  return bytes;
}
