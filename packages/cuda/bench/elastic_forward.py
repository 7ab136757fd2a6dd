"""The attention kernels, called on PyTorch tensors through the benchmark library."""
import ctypes
import os

import torch

library = ctypes.CDLL(os.environ.get("ELASTIC_ATTENTION_BENCH", "build/device/libelastic_attention_bench.so"))
library.elastic_forward_create.restype = ctypes.c_void_p
library.elastic_forward_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
library.elastic_forward_destroy.argtypes = [ctypes.c_void_p]

FULL = (0, 0, 0, 1)


def streaming(sink, local, block=128):
    return (1, sink, local, block)


class Forward:
    """One call: q [tokens, heads, dim]; caches of each sequence [kv heads, capacity, dim]."""

    def __init__(self, q, caches, lengths, patterns, masks=None, out=None, lse=None, sparse=None, sparse_lse=None):
        self.keep = (q, caches, out, lse, sparse, sparse_lse, masks)
        tokens, heads, dim = q.shape
        kv = caches[0][0].shape[0]
        n = len(caches)
        pointers = ctypes.c_void_p * n
        keys = pointers(*[k.data_ptr() for k, _ in caches])
        values = pointers(*[v.data_ptr() for _, v in caches])
        mask = pointers(*[(m.data_ptr() if m is not None else None) for m in (masks or [None] * n)])
        sizes = (ctypes.c_int32 * (3 * n))(*[x for (a, b), (k, _) in zip(lengths, caches) for x in (a, b, k.shape[1])])
        flat = (ctypes.c_int32 * (4 * n * kv))(*[x for row in patterns for p in row for x in p])
        p = lambda t: ctypes.c_void_p(t.data_ptr() if t is not None else None)
        self.handle = library.elastic_forward_create(
            p(q), ctypes.c_int64(q.stride(0)), ctypes.c_int64(tokens), p(out), ctypes.c_int64(out.stride(0)), p(lse),
            p(sparse), p(sparse_lse), heads, kv, dim, 0 if q.dtype == torch.bfloat16 else 1,
            ctypes.c_float(dim ** -0.5), n, keys, values, mask, sizes, flat)
        assert self.handle, "create failed"

    def run(self):
        stream = torch.cuda.current_stream().cuda_stream
        assert library.elastic_forward_run(self.handle, ctypes.c_void_p(stream)) == 0

    def __del__(self):
        if getattr(self, "handle", None):
            library.elastic_forward_destroy(self.handle)


def median_ms(run, repeats=10, warmup=3):
    for _ in range(warmup):
        run()
    times = []
    for _ in range(repeats):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record()
        run()
        b.record()
        torch.cuda.synchronize()
        times.append(a.elapsed_time(b))
    return sorted(times)[len(times) // 2]
