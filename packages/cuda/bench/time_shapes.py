"""Attention forward of shapes beyond the usual one: head sizes, group sizes, ragged batches; TFLOP/s and the share of the best."""
import sys

import torch
from elastic_forward import FULL, Forward, median_ms

tokens = int(sys.argv[1]) if len(sys.argv) > 1 else 16384


def measure(dim, heads, kv, lengths):
    """TFLOP/s of causal attention over sequences of these lengths; every head full."""
    total = sum(lengths)
    q = torch.randn(total, heads, dim, device="cuda", dtype=torch.bfloat16)
    caches = [tuple(torch.randn(kv, n, dim, device="cuda", dtype=torch.bfloat16) for _ in "kv") for n in lengths]
    out = torch.empty_like(q)
    call = Forward(q, caches, [(n, n) for n in lengths], [[FULL] * kv] * len(lengths), None, out, None)
    flops = sum(4 * n * n * heads * dim / 2 for n in lengths)
    return flops / median_ms(call.run, 15) / 1e9


cases = [("head_dim 128, group 4", (128, 32, 8, [tokens]))]
cases += [(f"head_dim {d}, group 4", (d, 32, 8, [tokens])) for d in (96, 64)]
cases += [("head_dim 128, group 1", (128, 32, 32, [tokens])), ("head_dim 128, group 7", (128, 28, 4, [tokens])),
          ("head_dim 128, group 16", (128, 32, 2, [tokens]))]
ragged = [tokens, tokens * 5 // 8 + 3, tokens // 2 - 77, tokens // 4 + 1]
cases += [("head_dim 128, group 4, batch 4 ragged", (128, 32, 8, ragged))]
results = [(name, measure(*case)) for name, case in cases]
best = max(rate for _, rate in results)
for name, rate in results:
    print(f"{name:42s} {rate:6.0f} TFLOP/s  {rate / best:.2f} of the best", flush=True)
