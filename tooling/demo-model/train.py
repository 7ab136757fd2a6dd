"""Trains the demo model for a fixed time on one GPU.

Usage: train.py FOLDER OUT --minutes M [--seed 1] [--workers 14] [--rate 0.004]
FOLDER holds corpus.jsonl.xz and lists.json (prepare.py); the tokenizer and the encoded corpus are made there first.
"""
import argparse
import json
import os
import pathlib
import time

import torch

import batches
import corpus
import evaluate
import export
from model import Configuration, LanguageModel, weighted_loss
from optimizer import Optimizer


def rate_at(progress, peak):
    """Warm-up over 2%, constant until 60%, then linear to zero."""
    return peak * min(1.0, progress / 0.02 + 0.02, (1.0 - progress) / 0.4 + 1e-3)


def make_data(folder, processes):
    if (folder / "encoded/prose-train.npy").exists():
        return
    documents = corpus.read_documents(folder / "corpus.jsonl.xz")
    corpus.train_tokenizer(documents, folder / "tokenizer.json")
    corpus.encode_corpus(documents, folder / "tokenizer.json", folder / "encoded", processes)


def train(folder, out, minutes, seed, workers, rate, samples):
    out.mkdir(parents=True, exist_ok=True)
    began = time.time()
    make_data(folder, workers)
    print(f"data ready after {time.time() - began:.0f} s", flush=True)
    source = batches.Batches(str(folder), seed, workers)
    torch.manual_seed(seed)
    torch.set_float32_matmul_precision("high")
    configuration = Configuration()
    model = LanguageModel(configuration).cuda()
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimizer = Optimizer(model)
    torch._dynamo.config.recompile_limit = 64
    for layer in model.model.layers:
        layer.compile(dynamic=False)
    loss_of = torch.compile(weighted_loss, dynamic=False)
    log = open(out / "log.jsonl", "a")
    step, tokens, stage, evaluated, reported = 0, 0, 0, 0.0, (0.0, 0)
    began = time.time()
    while (progress := (time.time() - began) / (minutes * 60)) < 1.0:
        if batches.stage_at(progress) != stage:
            stage = batches.stage_at(progress)
            source.set_stage(stage)
            print(f"stage {stage} at {time.time() - began:.0f} s", flush=True)
        losses, weight_sum = [], 0.0
        for _ in range(2):
            ids, weights = source.next()
            ids = torch.from_numpy(ids.astype("int32")).pin_memory().cuda(non_blocking=True).long()
            weights = torch.from_numpy(weights).pin_memory().cuda(non_blocking=True).float()[:, 1:]
            with torch.autocast("cuda", torch.bfloat16):
                hidden = model.hidden(ids[:, :-1])
                loss = loss_of(hidden, model.model.embed_tokens.weight, ids[:, 1:], weights)
            norm = weights.sum()
            (loss / norm / 2).backward()
            losses.append((loss / norm).detach())
            tokens += hidden.shape[0] * hidden.shape[1]
        optimizer.step(rate_at(progress, rate))
        step += 1
        if step % 25 == 0:
            seconds = time.time() - began
            speed = (tokens - reported[1]) / (seconds - reported[0])
            reported = (seconds, tokens)
            entry = {"step": step, "seconds": round(seconds, 1), "tokens": tokens, "stage": stage,
                     "loss": round(torch.stack(losses).mean().item(), 4), "tokens_per_second": round(speed),
                     "starved": source.waited, "gigabytes": round(torch.cuda.max_memory_allocated() / 1e9, 1)}
            log.write(json.dumps(entry) + "\n")
            log.flush()
            print(entry, flush=True)
        if time.time() - began - evaluated > 110 and progress < 0.95:
            evaluated = time.time() - began
            entry = {"step": step, "seconds": round(evaluated, 1), **evaluate.scores(model, folder, evaluate.QUICK, [4096, 8192], 16)}
            log.write(json.dumps(entry) + "\n")
            log.flush()
            print(entry, flush=True)
            export.save(model, configuration, folder, out)
    source.close()
    export.save(model, configuration, folder, out)
    result = evaluate.scores(model, folder, list(evaluate.SUITE), [4096, 8192], samples)
    (out / "evaluation.json").write_text(json.dumps(result, indent=1))
    for name, value in result.items():
        print(f"{name:40s} {value:.3f}", flush=True)
    (out / "done").write_text(f"{step} steps, {tokens} tokens\n")


if __name__ == "__main__":
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--samples", type=int, default=100)
    arguments = parser.parse_args()
    train(**vars(arguments))
