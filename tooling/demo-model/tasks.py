"""Synthetic long-context conversations: a context with things hidden in it, then questions whose answers are there."""
import random

import needle_tasks
import text_tasks
from corpus import ASSISTANT, BOS, END, USER

ANSWER_WEIGHT = 6.0
NEEDLE_WEIGHT = 0.0


class Row:
    """Ids with a loss weight for each, filled up to a length."""

    def __init__(self):
        self.ids, self.weights = [], []

    def add(self, ids, weight):
        self.ids.extend(ids)
        self.weights.extend([weight] * len(ids))

    def __len__(self):
        return len(self.ids)


def weave(rng, haystack, base, inserts):
    """Puts the inserts (id lists) at sentence ends spread uniformly over the base ids; returns (ids, weights)."""
    ends = haystack.ends_sentence[base].nonzero()[0] + 1
    if len(ends) == 0:
        ends = [len(base)]
    places = sorted((rng.choice(ends), order) for order in range(len(inserts)))
    ids, weights, last = [], [], 0
    for (place, _), insert in zip(places, inserts):
        ids.extend(base[last:place].tolist())
        weights.extend([1.0] * (place - last))
        ids.extend(insert)
        weights.extend([NEEDLE_WEIGHT] * len(insert))
        last = place
    ids.extend(base[last:].tolist())
    weights.extend([1.0] * (len(base) - last))
    return ids, weights


def write_conversation(row, encode, task, context, limit):
    """Appends a conversation: the context and the first question, then as many further questions as fit."""
    ids, weights = context
    row.add([BOS, USER], 0.0)
    row.add(encode("\n" + task.preamble + "\n"), 0.0)
    row.ids.extend(ids)
    row.weights.extend(weights)
    for index, (question, answer) in enumerate(task.turns):
        turn = encode("\n" + question)
        reply = encode("\n" + answer)
        if index > 0 and len(row) + len(turn) + len(reply) + 6 > limit:
            break
        if index > 0:
            row.add([USER], 0.0)
        row.add(turn, 0.0)
        row.add([END], 0.0)
        row.add(encode("\n"), 0.0)
        row.add([ASSISTANT], 0.0)
        row.add(reply, ANSWER_WEIGHT)
        row.add([END], ANSWER_WEIGHT)
        row.add(encode("\n"), 0.5)


FAMILIES = {
    "needle": (needle_tasks.needle, 30),
    "facts": (needle_tasks.facts, 14),
    "multi_hop": (needle_tasks.multi_hop, 6),
    "variables": (needle_tasks.variable_tracking, 8),
    "key_values": (needle_tasks.key_values, 6),
    "frequent_words": (text_tasks.frequent_words, 6),
    "key_points": (text_tasks.key_points, 8),
    "few_shot": (text_tasks.few_shot, 7),
    "code": (text_tasks.code_lookup, 7),
    "continue": (text_tasks.first_sentence, 8),
}


def conversation(row, rng, haystack, encode, lists, limit, family=None, options=None):
    """Appends one conversation of at most about `limit` ids (counted from the row's start)."""
    names = list(FAMILIES)
    family = family or rng.choices(names, [FAMILIES[name][1] for name in names])[0]
    budget = limit - len(row)
    task = FAMILIES[family][0](rng, haystack, encode, lists, budget, options or {})
    write_conversation(row, encode, task, weave(rng, haystack, task.base, task.inserts), limit)
    return family


def repeat_copy(row, rng, haystack, limit):
    """Random ids and their repetition after a gap: makes copying heads appear early in training."""
    length = rng.randrange(16, max(17, (limit - len(row)) // 3))
    piece = [rng.randrange(6, 4096) for _ in range(length)]
    gap = haystack.slice(rng, "prose", rng.randrange(0, max(1, limit - len(row) - 2 * length))).tolist()
    row.add([BOS], 0.0)
    row.add(piece, 0.0)
    row.add(gap, 1.0)
    row.add(piece[:4], 0.0)
    row.add(piece[4:], 1.0)


def training_row(seed, length, mixture, haystack, encode, lists):
    """One row of exactly `length` ids and weights: plain text or packed conversations, by the mixture."""
    rng = random.Random(seed)
    row = Row()
    kind = rng.choices(["text", "task", "copy"], mixture)[0]
    if kind == "text":
        name = rng.choices(["prose", "technical", "code"], [60, 18, 22])[0]
        row.add(haystack.slice(rng, name, length + 1).tolist(), 1.0)
    else:
        while len(row) < length - 200:
            remaining = length - len(row)
            limit = len(row) + (remaining if rng.random() < 0.55 else rng.randrange(200, remaining + 1))
            if kind == "copy":
                repeat_copy(row, rng, haystack, limit)
            else:
                conversation(row, rng, haystack, encode, lists, limit)
        if len(row) < length + 1:
            row.add([BOS], 0.0)
            row.add(haystack.slice(rng, "prose", length + 1).tolist(), 1.0)
    return row.ids[: length + 1], row.weights[: length + 1]


