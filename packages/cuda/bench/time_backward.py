"""Attention backward beside PyTorch's cuDNN and flash kernels (2.5 times the products of the forward), and the dual forward."""
import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from elastic_backward import Backward
from elastic_forward import FULL, Forward, median_ms, streaming

lengths = [int(x) for x in sys.argv[1].split(",")] if len(sys.argv) > 1 else [16384, 65536]
dim = int(sys.argv[2]) if len(sys.argv) > 2 else 128
peers = sys.argv[3].split(",") if len(sys.argv) > 3 else ["cudnn", "flash"]
heads, kv = 32, 8
S = streaming(1, 16)
print("     S    cuDNN (TFLOP/s)   flash (TFLOP/s)   ours (TFLOP/s)  ours/cuDNN | deterministic | half streaming, all streaming | FA forward, dual/FA", flush=True)
for n in lengths:
    repeats, warmup = (15, 3) if n <= 16384 else (5, 2)
    flops = 2.5 * 4 * n * n * heads * dim / 2
    q, d_out = (torch.randn(n, heads, dim, device="cuda", dtype=torch.bfloat16) for _ in "qo")
    k, v = (torch.randn(kv, n, dim, device="cuda", dtype=torch.bfloat16) for _ in "kv")
    out, d_q = torch.empty_like(q), torch.empty_like(q)
    lse = torch.empty(n, heads, device="cuda", dtype=torch.float32)
    d_k, d_v = torch.empty_like(k), torch.empty_like(v)

    def ours(row, **options):
        Forward(q, [(k, v)], [(n, n)], [row], None, out, lse).run()
        call = Backward(q, out, d_out, lse, [(k, v)], [(n, n)], [row], d_q, [(d_k, d_v)], **options)
        return median_ms(call.run, repeats, warmup)

    full = ours([FULL] * kv)
    half, sparse = ours([FULL] * 4 + [S] * 4), ours([S] * kv)
    ordered = ours([FULL] * kv, deterministic=True)
    sparse_out, sparse_lse = torch.empty_like(out), torch.empty_like(lse)
    forward = median_ms(Forward(q, [(k, v)], [(n, n)], [[FULL] * kv], None, out, lse).run, repeats, warmup)
    dual = median_ms(Forward(q, [(k, v)], [(n, n)], [[S] * kv], None, out, lse, sparse_out, sparse_lse).run, repeats, warmup)
    peer = {}
    q4, g4 = (x.transpose(0, 1)[None].contiguous() for x in (q, d_out))
    for name, backend in (("cudnn", SDPBackend.CUDNN_ATTENTION), ("flash", SDPBackend.FLASH_ATTENTION)):
        if name not in peers:
            peer[name] = float("nan")
            continue
        leaves = [x.detach().requires_grad_() for x in (q4, k[None], v[None])]
        with sdpa_kernel(backend):
            result = torch.nn.functional.scaled_dot_product_attention(*leaves, is_causal=True, enable_gqa=True)
            peer[name] = median_ms(lambda: torch.autograd.grad(result, leaves, g4, retain_graph=True), repeats, warmup)
        del result, leaves
    rate = lambda ms: f"{ms:8.3f} ({flops / ms / 1e9:5.0f})"
    print(f"{n:7d} {rate(peer['cudnn'])} {rate(peer['flash'])} {rate(full)} {peer['cudnn'] / full:.3f} | {ordered:.3f} | "
          f"{half:.3f} {sparse:.3f} | {forward:.3f} {dual / forward:.3f}", flush=True)
    del q, k, v, out, lse, q4, g4, sparse_out, sparse_lse, d_q, d_k, d_v, d_out
    torch.cuda.empty_cache()
