import { optionSchema, type OptionValues, share, text } from "@elastic-attention/core";

/** Options of every command that routes heads. */
export const routingOptions = optionSchema({
  mode: {
    type: text("the name of a mode"),
    placeholder: "mode",
    description: "fa-ssa, fa-xa, xa-ssa, fa-pages, fa-snap, fa-threshold, full, or one that --load brings; settings follow: fa-pages:budget=1/8, fa-ssa:dense=64 (FA: full attention, SSA: sink and local blocks, XA: XAttention)",
    otherwise: "the model's own",
  },
  sparsity: { type: share, placeholder: "share", description: "target share of sparse heads", otherwise: "as the router decides" },
  router: {
    type: text("a file or the name of a router"),
    placeholder: "file",
    description: "routers that `train` wrote, or the name of a router that --load brings; overrides the model's own",
    otherwise: "routers.safetensors in the model's folder",
  },
  heads: { type: text("a file"), placeholder: "file", description: "static head list; overrides the model's learned routers" },
});

export type RoutingOptions = OptionValues<typeof routingOptions>;
