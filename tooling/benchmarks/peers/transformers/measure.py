#!/usr/bin/env python3
"""Prefill and decode of transformers with SDPA on a model shape with random weights, as JSON of seconds.

    python3 measure.py --shape llama-3.1-8b --prefill 8192,131072 --decode 32768x1 --out peer.json

Needs a CUDA device and the packages torch and transformers. `pnpm bench large --peer-file peer.json` reads the result.
"""
import argparse
import json
import statistics
import time

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen3Config
from transformers.cache_utils import DynamicCache

LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)
SHAPES = {
    "llama-3.1-8b": (LlamaConfig, dict(vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32,
                                      num_attention_heads=32, num_key_value_heads=8, head_dim=128, rope_theta=500000.0,
                                      rope_scaling=LLAMA3, tie_word_embeddings=False)),
    "qwen3-4b": (Qwen3Config, dict(vocab_size=151936, hidden_size=2560, intermediate_size=9728, num_hidden_layers=36,
                                   num_attention_heads=32, num_key_value_heads=8, head_dim=128, rope_theta=1000000.0,
                                   tie_word_embeddings=True)),
    "qwen3-8b": (Qwen3Config, dict(vocab_size=151936, hidden_size=4096, intermediate_size=12288, num_hidden_layers=36,
                                   num_attention_heads=32, num_key_value_heads=8, head_dim=128, rope_theta=1000000.0,
                                   tie_word_embeddings=False)),
}


def make_model(shape):
    config_class, values = SHAPES[shape]
    config = config_class(max_position_embeddings=1 << 21, torch_dtype="bfloat16", **values)
    torch.set_default_dtype(torch.bfloat16)
    torch.set_default_device("cuda")
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", dtype=torch.bfloat16).eval()
    torch.set_default_device("cpu")
    return model


def seconds(work, rounds):
    times = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        begun = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def prefill(model, ids):
    return model(ids, use_cache=True, logits_to_keep=1)


@torch.inference_mode()
def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--shape", default="llama-3.1-8b", choices=sorted(SHAPES))
    arguments.add_argument("--prefill", default="8192,131072", help="prompt lengths")
    arguments.add_argument("--decode", default="", help="caches as LENGTHxBATCH")
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("--out", required=True)
    options = arguments.parse_args()
    model = make_model(options.shape)
    results = {}
    vocabulary = model.config.vocab_size
    prefill(model, torch.randint(vocabulary, (1, 1024), device="cuda"))
    for length in [int(item) for item in options.prefill.split(",") if item]:
        ids = torch.randint(vocabulary, (1, length), device="cuda")
        results[f"prefill {length} 1"] = seconds(lambda: prefill(model, ids), options.rounds)
        print(f"transformers prefill {length}: {results[f'prefill {length} 1']:.3f} s, "
              f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB", flush=True)
    for length, batch in [map(int, item.split("x")) for item in options.decode.split(",") if item]:
        cache = DynamicCache(config=model.config)
        heads, dimension = model.config.num_key_value_heads, model.config.head_dim
        for layer in range(model.config.num_hidden_layers):
            rows = torch.randn(batch, heads, length, dimension, device="cuda", dtype=torch.bfloat16)
            cache.update(rows, rows.clone(), layer)
        token = torch.randint(vocabulary, (batch, 1), device="cuda")

        def step():
            model(token, past_key_values=cache, use_cache=True, logits_to_keep=1).logits.argmax(-1).cpu()

        seconds(step, 3)
        results[f"decode {length} {batch}"] = seconds(step, 10)
        print(f"transformers decode {length}x{batch}: {1000 * results[f'decode {length} {batch}']:.1f} ms", flush=True)
        del cache
        torch.cuda.empty_cache()
    with open(options.out, "w") as file:
        json.dump(results, file)


main()
