"""Held-out retrieval and task scores: greedy decoding gives the exact answer iff every answer id is the argmax."""
import json
import random

import numpy as np
import torch

import corpus
import tasks

NIAH = {"haystack": "prose", "keys": 1, "values": 1, "key": "word", "value": "number"}
SUITE = {
    "single_1 noise number": ("needle", {**NIAH, "haystack": "noise"}),
    "single_2 prose number": ("needle", NIAH),
    "single_word prose word": ("needle", {**NIAH, "value": "word"}),
    "single_3 prose uuid": ("needle", {**NIAH, "value": "uuid"}),
    "multikey_1 4 keys": ("needle", {**NIAH, "keys": 4}),
    "multikey_2 needles": ("needle", {**NIAH, "haystack": "needles"}),
    "multivalue 4 values": ("needle", {**NIAH, "values": 4}),
    "multiquery 4 queries": ("needle", {**NIAH, "keys": 4, "queries": 4}),
    "variables 1 chain 4 hops": ("variables", {"hops": 4, "chains": 1, "haystack": "noise"}),
    "facts": ("facts", {"count": 4}),
    "multi_hop": ("multi_hop", {}),
    "key_values": ("key_values", {}),
    "frequent_words 3": ("frequent_words", {"common": 3}),
    "key_points 3": ("key_points", {"count": 3}),
    "few_shot": ("few_shot", {"plain": True}),
    "code": ("code", {}),
}
QUICK = ["single_2 prose number", "multikey_1 4 keys", "single_3 prose uuid", "variables 1 chain 4 hops", "facts"]


def prompts(name, length, samples, haystack, encode, lists):
    """Rows whose prompt is about `length` ids long: (ids, first answer id, one past the last)."""
    family, options = SUITE[name]
    rows = []
    for sample in range(samples):
        rng = random.Random(f"{name}/{length}/{sample}")
        row = tasks.Row()
        tasks.conversation(row, rng, haystack, encode, lists, length, family, dict(options))
        answer = [i for i, weight in enumerate(row.weights) if weight == tasks.ANSWER_WEIGHT]
        first = answer[0]
        end = first
        while end < len(row) and row.weights[end] == tasks.ANSWER_WEIGHT:
            end += 1
        rows.append((row.ids[:end], first, end))
    return rows


@torch.no_grad()
def exact_matches(model, rows, width, batch=16):
    """For each row: whether every answer id is the most likely one after what precedes it."""
    matches = []
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        ids = np.full((len(part), width), corpus.PAD, np.int64)
        for index, (row, _, _) in enumerate(part):
            ids[index, : len(row)] = row[:width]
        with torch.autocast("cuda", torch.bfloat16):
            hidden = model.hidden(torch.from_numpy(ids).cuda())
            for index, (row, first, end) in enumerate(part):
                best = torch.nn.functional.linear(hidden[index, first - 1 : end - 1], model.model.embed_tokens.weight).argmax(-1)
                matches.append(bool((best.cpu().numpy() == np.asarray(row[first:end])).all()))
    return matches


@torch.no_grad()
def text_loss(model, haystack, kind, length=8192, rows=16):
    rng = random.Random(kind)
    ids = np.stack([haystack.slice(rng, kind, length + 1) for _ in range(rows)]).astype(np.int64)
    with torch.autocast("cuda", torch.bfloat16):
        logits = model.logits(torch.from_numpy(ids[:, :-1]).cuda()).float()
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), torch.from_numpy(ids[:, 1:]).cuda().reshape(-1)).item()


@torch.compiler.set_stance("force_eager")
def scores(model, folder, names, lengths, samples):
    encode = corpus.Encoder(f"{folder}/tokenizer.json")
    haystack = corpus.Haystack(f"{folder}/encoded", "held-out", encode)
    lists = json.load(open(f"{folder}/lists.json"))
    result = {}
    for length in lengths:
        for name in names:
            rows = prompts(name, length, samples, haystack, encode, lists)
            result[f"{name} @{length}"] = float(np.mean(exact_matches(model, rows, 8448 if length > 4096 else 4352)))
    for kind in corpus.Haystack.KINDS:
        result[f"loss {kind}"] = text_loss(model, haystack, kind)
    return result
