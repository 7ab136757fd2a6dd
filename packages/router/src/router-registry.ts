import type { AttentionMode } from "@elastic-attention/attention";
import { UnknownNameError } from "@elastic-attention/core";
import type { Router } from "./router.js";

/** What a router by name is made for. */
export interface RouterContext {
  /** The modes that it chooses from, as the request asks for them. */
  readonly retrievalMode: AttentionMode;
  readonly sparseMode: AttentionMode;
  readonly numLayers: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
}

/** Makes a router; it is kept as long as the model that it was made for. */
export type RouterFactory = (context: RouterContext) => Router;

const factories = new Map<string, RouterFactory>();

/** Makes a router known by a name, which requests and `--router` may give. A second registration of a name replaces the first. */
export function registerRouter(name: string, make: RouterFactory): void {
  factories.set(name, make);
}

/** Names that are known, in order of registration. */
export function registeredRouters(): readonly string[] {
  return [...factories.keys()];
}

/** The router of a name. @throws UnknownNameError */
export function makeRouter(name: string, context: RouterContext): Router {
  const make = factories.get(name);
  if (make === undefined) throw new UnknownNameError("router", name, registeredRouters());
  return make(context);
}
