"""What a task generator returns."""
import dataclasses

import numpy as np


@dataclasses.dataclass
class Task:
    preamble: str
    base: np.ndarray
    inserts: list
    turns: list
    """(question, answer) pairs; the first is asked right after the context."""


def context_length(rng, budget, reserve, options):
    """Ids for the haystack: what the budget leaves after questions and inserts."""
    return max(32, (options.get("context") or budget) - reserve)


def join_words(words):
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
