"""Attention backward against the float64 oracle on ragged and adversarial shapes; gradients are poisoned first."""
import itertools
import sys

import torch
from elastic_backward import Backward, oracle_gradients
from elastic_forward import FULL, oracle, selected, streaming

torch.manual_seed(0)
failures = count = 0
worst_of_all = [0.0, 0.0]
nan = float("nan")


def case(name, dim, groups, kv, lengths, patterns, dtype=torch.bfloat16, magnitude=1.0, slack=77, grads=None, accumulate=False,
         deterministic=False):
    global failures, count
    if "--bf16-128" in sys.argv and (dim != 128 or dtype != torch.bfloat16):
        return True
    count += 1
    grads = grads or dtype
    heads, tokens = kv * groups, sum(a for a, _ in lengths)
    # Poison before, between and behind: rows of another tensor beside the heads, slots without a token.
    row = lambda scale: (torch.randn(tokens, heads * dim + 64, device="cuda").to(dtype) * scale)[:, : heads * dim].unflatten(1, (heads, dim))
    q, d_out = row(magnitude), row(1.0)
    caches, masks = [], []
    for a, n in lengths:
        k, v = (torch.full((kv, n + slack, dim), nan, device="cuda", dtype=dtype) for _ in "kv")
        k[:, :n] = torch.randn(kv, n, dim, device="cuda").to(dtype) * magnitude
        v[:, :n] = torch.randn(kv, n, dim, device="cuda").to(dtype)
        caches.append((k, v))
        blocks, first = -(-n // 128), (n - a) // 128
        masks.append((torch.rand(heads, blocks - first, blocks, device="cuda") < 0.4).to(torch.uint8))
    out, lse = torch.empty_like(q), torch.empty(tokens, heads, device="cuda")
    at = 0
    for (a, n), (k, v), p, m in zip(lengths, caches, patterns, masks):
        o, l = oracle(q[at:at + a], k[:, :n], v[:, :n], p, m)
        out[at:at + a], lse[at:at + a] = o, l
        at += a
    fresh = lambda *s: torch.full(s, 0.5 if accumulate else nan, device="cuda", dtype=grads)
    results = []
    for _ in range(2):
        d_q = fresh(tokens, heads, dim)
        d_caches = [tuple(fresh(kv, n + slack, dim) for _ in "kv") for _, n in lengths]
        Backward(q, out, d_out, lse, caches, lengths, patterns, d_q, d_caches, masks, accumulate, deterministic).run()
        torch.cuda.synchronize()
        results.append((d_q, d_caches))
    (d_q, d_caches), (second_q, second_caches) = results
    # Keys' and values' gradients are summed in one order always; queries' in the deterministic mode.
    same = all(torch.equal(a[:, :n], b[:, :n]) for (_, n), x, y in zip(lengths, d_caches, second_caches) for a, b in zip(x, y))
    same = same and (not deterministic or torch.equal(d_q, second_q))
    clean = accumulate or all(torch.isnan(g[:, n:]).all().item() for (_, n), pair in zip(lengths, d_caches) for g in pair)
    error = nmse = 0.0
    at = 0
    for (a, n), (k, v), p, m, (d_k, d_v) in zip(lengths, caches, patterns, masks, d_caches):
        rows = slice(at, at + a)
        inputs = (q[rows], k[:, :n], v[:, :n], out[rows], lse[rows], d_out[rows], p, m)
        exact = oracle_gradients(*inputs)
        naive = oracle_gradients(*inputs, dtype=torch.float32, rounded=dtype)
        for got, ref, simple in zip((d_q[rows], d_k[:, :n], d_v[:, :n]), exact, naive):
            got = got.double() - (0.5 if accumulate else 0.0)
            floor = (2 ** -7 if dtype == torch.bfloat16 else 2 ** -10) * ref.abs().max().item() + 1e-30
            bound = max(3 * (simple.to(grads).double() - ref).abs().max().item(), floor)
            e = (got - ref).abs().max().item() / bound
            m2 = ((got - ref).pow(2).sum() / (ref.pow(2).sum() + 1e-30)).item() if ref.abs().max() > 0 else 0.0
            if ref.abs().max() == 0:
                e = 0.0 if (got == 0).all() else nan
            error = e if not e <= error else error
            nmse = m2 if not m2 <= nmse else nmse
        at += a
    limit = 5e-4 if not accumulate else 5e-3
    good = error <= 1 and nmse <= limit and same and clean
    failures += not good
    for i, x in enumerate((error, nmse)):
        worst_of_all[i] = max(worst_of_all[i], x)
    if not good or "-v" in sys.argv:
        print(f"{'ok  ' if good else 'FAIL'} {name}: max {error:.2f} of bound, nmse {nmse:.1e}, repeat {same}, clean {clean}", flush=True)
    return good


def finish():
    print(f"backward: {count} cases, {failures} failed; worst {worst_of_all[0]:.2f} of bound, nmse {worst_of_all[1]:.1e}")
    sys.exit(failures > 0)


S = streaming(1, 4)
mixed = [FULL, S, selected(), streaming(2, 1)]
if "--small" in sys.argv:  # For compute-sanitizer: every path once.
    for deterministic in (False, True):
        case("small", 128, 2, 2, [(300, 300), (129, 500)], [[FULL, streaming(1, 1)], [selected(), FULL]], deterministic=deterministic)
        case("small 64", 64, 1, 2, [(200, 200)], [[FULL, streaming(1, 1)]], torch.float16, deterministic=deterministic)
        case("small 96", 96, 1, 1, [(150, 150)], [[FULL]], deterministic=deterministic)
    finish()
if not case("first", 128, 1, 1, [(128, 128)], [[FULL]]):
    print("the simplest case fails")
for dim, dtype in itertools.product((128, 64, 96), (torch.bfloat16, torch.float16)):
    for n in (1, 63, 64, 65, 127, 128, 129, 500, 2176, 2177):
        for patterns in ([FULL] * 4, mixed) if n != 2177 else ([FULL] * 4, [S] * 4, [selected()] * 4, mixed):
            case(f"D{dim} {dtype} S={n} {patterns}", dim, 2, 4, [(n, n)], [patterns], dtype)
    for deterministic in (False, True):
        case(f"D{dim} {dtype} f32 gradients", dim, 2, 4, [(700, 900)], [mixed], dtype, grads=torch.float32, deterministic=deterministic)
        case(f"D{dim} {dtype} accumulated", dim, 2, 4, [(700, 900)], [mixed], dtype, grads=torch.float32, accumulate=True, deterministic=deterministic)
for (a, n), groups in itertools.product([(1, 147), (113, 203), (128, 217), (1023, 1024), (1, 1000), (300, 1501)], (1, 3, 4, 7, 8)):
    case(f"append {a} of {n} group {groups}", 128, groups, 2, [(a, n)], [[FULL, streaming(1, 4)]])
for dim, deterministic in itertools.product((128, 64), (False, True)):
    lengths = [(700, 700), (1, 1), (1500, 1500), (129, 1000)]
    rows = [[FULL, S], [S, S], [streaming(1, 3), FULL], [selected(), streaming(1, 2, 256)]]
    case(f"batch D{dim} {deterministic}", dim, 4, 2, lengths, rows, deterministic=deterministic)
    case(f"batch large magnitudes D{dim} {deterministic}", dim, 4, 2, lengths, rows, magnitude=8.0, deterministic=deterministic)
finish()
