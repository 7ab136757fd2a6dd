"""Attention forward beside PyTorch's cuDNN and flash kernels, and by the share of streaming heads."""
import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from elastic_forward import FULL, Forward, median_ms, streaming

lengths = [int(x) for x in sys.argv[1].split(",")] if len(sys.argv) > 1 else [8192, 32768, 131072]
dim = int(sys.argv[2]) if len(sys.argv) > 2 else 128
heads, kv = 32, 8
S = streaming(1, 16)
published = {8192: [1.75, 1.60, 1.40, 1.32, 1.26, 1.21, 0.95], 16384: [6.03, 5.12, 4.21, 3.64, 3.19, 2.67, 1.85],
             32768: [23.0, 18.6, 13.6, 11.4, 8.96, 6.62, 3.61], 65536: [101, 72.8, 56.8, 40.8, 29.7, 18.5, 7.16],
             131072: [399, 308, 215, 163, 112, 64.5, 15.9], 262144: [1668, 1259, 850, 647, 443, 238, 30.0]}
print("     S    cuDNN (TFLOP/s)   ours FA (TFLOP/s)  ratio | ours by MSR 0.25 0.5 0.625 0.75 0.875 1 | over published | over weighted sum | dual/FA")
for n in lengths:
    repeats = 20 if n <= 32768 else 7 if n <= 131072 else 3
    flops = 4 * n * n * heads * dim / 2
    q = torch.randn(n, heads, dim, device="cuda", dtype=torch.bfloat16)
    k, v = (torch.randn(kv, n, dim, device="cuda", dtype=torch.bfloat16) for _ in "kv")
    out = torch.empty_like(q)
    lse = torch.empty(n, heads, device="cuda", dtype=torch.float32)
    q4 = q.transpose(0, 1)[None].contiguous()

    def cudnn():
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
            torch.nn.functional.scaled_dot_product_attention(q4, k[None], v[None], is_causal=True, enable_gqa=True)

    peer = median_ms(cudnn, repeats)
    times = {}
    for sparse in (0, 2, 4, 5, 6, 7, 8):
        call = Forward(q, [(k, v)], [(n, n)], [[FULL] * (kv - sparse) + [S] * sparse], None, out, lse)
        times[sparse] = median_ms(call.run, repeats)
    sparse_out, sparse_lse = torch.empty_like(out), torch.empty_like(lse)
    dual = Forward(q, [(k, v)], [(n, n)], [[S] * kv], None, out, lse, sparse_out, sparse_lse)
    dual_time = median_ms(dual.run, repeats)
    full = times[0]
    cells = [2, 4, 5, 6, 7, 8]
    gain = [f"{p / times[c]:.2f}" for p, c in zip(published.get(n, [0] * 7)[1:], cells)]
    over = [f"{times[c] / (full * (8 - c) / 8 + times[8] * c / 8):.3f}" for c in cells]
    print(f"{n:7d} {peer:8.3f} ({flops / peer / 1e9:5.0f}) {full:8.3f} ({flops / full / 1e9:5.0f}) {peer / full:.3f} | "
          f"{' '.join(f'{times[c]:.3f}' for c in cells)} | {' '.join(gain)} | {' '.join(over)} | {dual_time / full:.3f}", flush=True)
    del q, k, v, out, lse, q4, sparse_out, sparse_lse
    torch.cuda.empty_cache()
