"""Tasks over whole texts: frequent words, key points, few-shot classification, code look-up, opening sentences."""
import re

import numpy as np

from corpus import END
from task import Task, context_length


def frequent_words(rng, haystack, encode, lists, budget, options):
    """A numbered list in which some words come back far more often than the others (RULER cwe, fwe)."""
    common_count = options.get("common") or rng.choice([1, 3, 3, 5])
    room = context_length(rng, budget, 110, options)
    common = rng.sample(lists["noun"], common_count)
    often, base, words = rng.choice([5, 8, 12]), [], []
    rare = rng.sample(lists["noun"], min(len(lists["noun"]) - 1, 1500))
    total = room // 5
    words = [word for word in common for _ in range(max(often, total // (6 * common_count)))]
    words += [rng.choice(rare) for _ in range(max(0, total - len(words)))]
    rng.shuffle(words)
    for index, word in enumerate(words):
        piece = encode(f" {index + 1}. {word}")
        if len(base) + len(piece) > room:
            break
        base.extend(piece)
    order = sorted(common, key=lambda word: words.index(word) if word in words else 10**9)
    plural = f"{common_count} most common words" if common_count > 1 else "most common word"
    question = f"What are the {plural} in the above list?" if common_count > 1 else f"What is the {plural} in the above list?"
    answer = "The most common words are: " + ", ".join(order) + "." if common_count > 1 else f"The most common word is: {order[0]}."
    preamble = "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that appear most often."
    return Task(preamble, np.asarray(base), [], [(question, answer)])


def sentences_of(text):
    return [s.strip() for s in re.split(r"(?<=[.!?])\s+", text) if 20 < len(s.strip()) < 220]


def key_points(rng, haystack, encode, lists, budget, options):
    """A summary: state the marked key points of a document in order."""
    marks = ["Key point: ", "Important: ", "In short, ", "The main finding: ", "Summary: "]
    mark = rng.choice(marks)
    count = options.get("count") or rng.randrange(1, max(2, min(7, budget // 300)))
    source = haystack.slice(rng, "prose", 1500)
    sentences = sentences_of(encode.tokenizer.decode(source.tolist())) or ["The story goes on."]
    chosen = [rng.choice(sentences) for _ in range(count)]
    inserts = [encode(f"\n{mark}{sentence}\n") for sentence in chosen]
    cost = sum(map(len, inserts))
    length = context_length(rng, budget, 2 * cost + 80, options)
    hay = rng.choices(["prose", "technical"], [70, 30])[0]
    question = rng.choice(["Summarize the document.", "State the key points of the document.", "What are the main points of the text?"])
    return Task("Here is a document to summarize.", haystack.slice(rng, hay, length), inserts, [(question, " ".join(chosen))])


def few_shot(rng, haystack, encode, lists, budget, options):
    """Question classification from examples; the labels are renamed at random half of the time."""
    names = {"DESC": "description", "ENTY": "entity", "ABBR": "abbreviation", "HUM": "person", "LOC": "location", "NUM": "number"}
    if not options and rng.random() < 0.5:
        shuffled = rng.sample(lists["noun"], len(names))
        names = dict(zip(names, shuffled))
    room = context_length(rng, min(budget, 3000) if not options else budget, 400, options)
    base = []
    while True:
        label, question = rng.choice(lists["questions"])
        piece = encode(f"\nQuestion: {question}\nType: {names[label]}\n")
        if len(base) + len(piece) > room:
            break
        base.extend(piece)
    turns = []
    for label, question in rng.sample(lists["questions"], 8):
        turns.append((f"Question: {question}\nType:", names[label]))
    return Task("Please determine the type of the question below. Here are some examples of questions.", np.asarray(base or [END]), [], turns)


def code_lookup(rng, haystack, encode, lists, budget, options):
    """Signatures of functions that a source file defines."""
    room = context_length(rng, budget, 300, options)
    base = haystack.slice(rng, "code", room)
    text = encode.tokenizer.decode([i for i in base.tolist() if i != END])
    found = dict(re.findall(r"^\s*(?:def|function|export function|async def) (\w{3,30})(\([^()\n]{1,90}\))", text, re.M))
    if not found:
        return first_sentence(rng, haystack, encode, lists, budget, options)
    asked = rng.sample(list(found), min(len(found), 8))
    turns = [(f"Which arguments does the function {name} take?", f"{name}{found[name]}") for name in asked]
    return Task("Here is some source code.", base, [], turns)


def first_sentence(rng, haystack, encode, lists, budget, options):
    """Local and boundary work that needs no retrieval from the middle: continue a text, or repeat how it begins or ends."""
    length = context_length(rng, budget, 160, options)
    base = haystack.slice(rng, rng.choice(["prose", "technical", "prose"]), length + 60)
    following = base[length:]
    base = base[:length]
    text = encode.tokenizer.decode([i for i in base.tolist() if i != END])
    sentences = sentences_of(text)
    choice = rng.choice(["continue", "first", "last"]) if len(sentences) > 4 else "continue"
    if choice == "first":
        turn = ("How does the text begin? Quote its first full sentence.", sentences[0])
    elif choice == "last":
        turn = ("Quote the last full sentence of the text.", sentences[-1])
    else:
        turn = ("Continue the text.", encode.tokenizer.decode([i for i in following.tolist() if i != END]).strip())
    return Task("Here is a text.", base, [], [turn])
