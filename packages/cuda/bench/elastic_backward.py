"""The backward kernels, called on PyTorch tensors through the benchmark library."""
import ctypes

import torch
from elastic_forward import library

library.elastic_backward_create.restype = ctypes.c_void_p
library.elastic_backward_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
library.elastic_backward_destroy.argtypes = [ctypes.c_void_p]
TYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}


class Backward:
    """One call: q, out, d_out and d_q [tokens, heads, dim]; caches and their gradients [kv heads, capacity, dim]."""

    def __init__(self, q, out, d_out, lse, caches, lengths, patterns, d_q, d_caches, masks=None, accumulate=False, deterministic=False):
        self.keep = (q, out, d_out, lse, caches, d_q, d_caches, masks)
        tokens, heads, dim = q.shape
        kv, n = caches[0][0].shape[0], len(caches)
        pointers = lambda tensors: (ctypes.c_void_p * n)(*[t.data_ptr() if t is not None else None for t in tensors])
        sizes = (ctypes.c_int32 * (3 * n))(*[x for (a, b), (k, _) in zip(lengths, caches) for x in (a, b, k.shape[1])])
        flat = (ctypes.c_int32 * (4 * n * kv))(*[x for row in patterns for p in row for x in p])
        strides = (ctypes.c_int64 * 4)(*[t.stride(0) for t in (q, out, d_out, d_q)])
        p = lambda t: ctypes.c_void_p(t.data_ptr())
        self.handle = library.elastic_backward_create(
            p(q), p(out), p(d_out), p(d_q), p(lse), strides, ctypes.c_int64(tokens), heads, kv, dim, TYPES[q.dtype] - 1,
            TYPES[d_q.dtype], ctypes.c_float(dim ** -0.5), int(accumulate), int(deterministic), n,
            pointers([k for k, _ in caches]), pointers([v for _, v in caches]), pointers([k for k, _ in d_caches]),
            pointers([v for _, v in d_caches]), pointers(masks or [None] * n), sizes, flat)
        assert self.handle, "create failed"

    def run(self):
        stream = torch.cuda.current_stream().cuda_stream
        assert library.elastic_backward_run(self.handle, ctypes.c_void_p(stream)) == 0

    def __del__(self):
        if getattr(self, "handle", None):
            library.elastic_backward_destroy(self.handle)
