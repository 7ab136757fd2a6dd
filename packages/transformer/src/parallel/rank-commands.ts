import type { RouterDescription } from "@elastic-attention/router";
import type { CacheOptions } from "../memory/sequence-caches.js";

/** What the first rank has the others do with it; caches and prefills are named by numbers that it gives. */
export type RankCommand =
  | { readonly type: "create-cache"; readonly cache: number; readonly options: CacheOptions }
  | { readonly type: "fork-cache"; readonly cache: number; readonly from: number }
  | CacheCommand
  | PrefillCommand
  | { readonly type: "prefill-step"; readonly prefill: number }
  | { readonly type: "dispose-prefill"; readonly prefill: number }
  | { readonly type: "decode"; readonly sequences: readonly { readonly tokens: readonly number[]; readonly cache: number }[] }
  | { readonly type: "accept"; readonly cache: number; readonly token: number }
  | { readonly type: "end" };

/** A call of a cache's own methods. */
export interface CacheCommand {
  readonly type: "cache";
  readonly cache: number;
  readonly method: "makeRoom" | "undoStep" | "forgetTokens" | "dispose";
  readonly argument: number;
}

export interface PrefillCommand {
  readonly type: "start-prefill";
  readonly prefill: number;
  readonly sequences: readonly SequenceCommand[];
  /** Each once: sequences that share a router are asked about together. */
  readonly routers: readonly RouterDescription[];
  readonly logitsRows: number | undefined;
  /** Whether somebody reads the logits of all rows. */
  readonly readsLogits: boolean;
}

export interface SequenceCommand {
  readonly tokens: Int32Array;
  readonly cache: number;
  /** Index into the command's routers. */
  readonly router: number | undefined;
  readonly rotaryLength: number | undefined;
}
