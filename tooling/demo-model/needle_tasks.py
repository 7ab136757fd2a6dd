"""Retrieval: needles, facts, multi-hop facts, variable tracking, key-value lists."""
import numpy as np

from task import Task, context_length, join_words
import vocabularies as names

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
NEEDLE = "One of the special magic {type} for {key} is: {value}."
PREAMBLES = [
    "Some special magic {type} are hidden within the following text. Make sure to memorize it. I will quiz you about the {type} afterwards.",
    "A special magic {kind} is hidden within the following text. Make sure to memorize it. I will quiz you about the {kind} afterwards.",
    "Read the text below and remember the special magic {type} in it.",
    "The following text holds some secret {type}. Find them.",
]
STATEMENTS = [NEEDLE] * 6 + [
    "The special magic {kind} for {key} is {value}.",
    "Remember that the {kind} for {key} is {value}.",
    "Note: the secret {kind} of {key} is {value}.",
    "The {kind} that belongs to {key} is {value}.",
]
QUESTIONS = [
    ("What is the special magic {kind} for {key} mentioned in the provided text?",
     "The special magic {kind} for {key} mentioned in the provided text is {value}."),
    ("What is the special magic {kind} for {key}?", "The special magic {kind} for {key} is {value}."),
    ("What is the {kind} for {key}?", "The {kind} for {key} is {value}."),
    ("Which {kind} belongs to {key}?", "The {kind} for {key} is {value}."),
]


def make_value(rng, kind, lists):
    if kind == "number":
        return str(rng.randrange(10 ** rng.choice([3, 4, 5, 6, 6]), 10**7))
    if kind == "uuid":
        bits = f"{rng.getrandbits(128):032x}"
        return "-".join([bits[:8], bits[8:12], bits[12:16], bits[16:20], bits[20:]])
    return f"{rng.choice(lists['adjective'])}-{rng.choice(lists['noun'])}"


def make_key(rng, kind, lists):
    if kind == "word":
        return rng.choice([f"{rng.choice(lists['adjective'])}-{rng.choice(lists['noun'])}", rng.choice(lists["noun"])])
    return make_value(rng, kind, lists)


def needle(rng, haystack, encode, lists, budget, options):
    """Single, multi-key, multi-value and multi-query needles in prose, code, noise or other needles."""
    kind = options.get("value") or rng.choices(["number", "word", "uuid"], [60, 25, 15])[0]
    key_kind = options.get("key") or rng.choices(["word", "uuid", "number"], [85, 8, 7])[0]
    cost = {"number": 32, "word": 34, "uuid": 62}[kind] + (40 if key_kind == "uuid" else 0)
    most = max(1, budget // (3 * cost))
    count = options.get("keys") or rng.randrange(1, min(most, rng.choice([2, 5, 12, 40])) + 1)
    per_key = options.get("values") or rng.choices([1, 2, 3, 4], [75, 9, 8, 8])[0]
    hay = options.get("haystack") or rng.choices(["prose", "technical", "code", "noise", "needles"], [62, 9, 7, 10, 12])[0]
    statement = NEEDLE if options else rng.choice(STATEMENTS)
    fill = {"type": {"number": "numbers", "word": "words", "uuid": "uuids"}[kind], "kind": kind}
    keys = list({make_key(rng, key_kind, lists): None for _ in range(count)})
    values = {key: [make_value(rng, kind, lists) for _ in range(per_key)] for key in keys}
    sentence = lambda key, value: encode(" " + statement.format(key=key, value=value, **fill))
    pairs = [(key, value) for key in keys for value in values[key]]
    rng.shuffle(pairs)
    inserts = [sentence(key, value) for key, value in pairs]
    questions = options.get("queries", 1)
    reserve = sum(map(len, inserts)) + 150 + cost * per_key * (questions if options else min(len(keys), max(1, budget // (6 * cost))))
    length = context_length(rng, budget, reserve, options)
    if hay == "noise":
        sentence_ids = encode(" " + NOISE)
        base = np.resize(np.asarray(sentence_ids), length)
    elif hay == "needles":
        base, pieces = [], 0
        while pieces < length:
            base.append(sentence(make_key(rng, key_kind, lists), make_value(rng, kind, lists)))
            pieces += len(base[-1])
        base = np.asarray([i for piece in base for i in piece][:length])
    else:
        base = haystack.slice(rng, hay, length)
    turns = []
    order = list(keys)
    rng.shuffle(order)
    position = {}
    for index, pair in enumerate(pairs):
        position.setdefault(pair[0], []).append(index)
    # Inserted in the order of `pairs` (weave keeps order), so values are listed as they appear.
    listed = {key: [pairs[i][1] for i in position[key]] for key in keys}
    while order:
        take = min(len(order), questions if options else rng.choices([1, 2, 3, 4], [80, 8, 6, 6])[0])
        chosen, order = order[:take], order[take:]
        if take == 1 and per_key == 1:
            ask, reply = QUESTIONS[0] if options else rng.choice(QUESTIONS)
            turns.append((ask.format(key=chosen[0], **fill), reply.format(key=chosen[0], value=listed[chosen[0]][0], **fill)))
        else:
            who = join_words(chosen)
            answer = join_words([value for key in chosen for value in listed[key]])
            turns.append((
                f"What are all the special magic {fill['type']} for {who} mentioned in the provided text?",
                f"The special magic {fill['type']} for {who} mentioned in the provided text are {answer}.",
            ))
    return Task((PREAMBLES[0] if options else rng.choice(PREAMBLES)).format(**fill), base, inserts, turns)


def person(rng):
    return f"{rng.choice(names.FIRST_NAMES)} {rng.choice(names.LAST_NAMES)}"


def facts(rng, haystack, encode, lists, budget, options):
    """Facts about invented people stated in running prose, asked in other words."""
    count = options.get("count") or rng.randrange(1, max(2, min(30, budget // 120)))
    chosen = {}
    while len(chosen) < count:
        template = rng.randrange(len(names.PERSON_FACTS))
        chosen[(person(rng), template)] = None
    inserts, turns = [], []
    for who, template in chosen:
        statement, question, answer, pool = names.PERSON_FACTS[template]
        fill = {"p": who, "v": rng.choice(pool), "o": rng.choice(names.OBJECTS)}
        inserts.append(encode(" " + statement.format(**fill)))
        turns.append((question.format(**fill), answer.format(**fill)))
    order = list(range(count))
    rng.shuffle(order)
    hay = rng.choices(["prose", "technical"], [85, 15])[0]
    length = context_length(rng, budget, sum(map(len, inserts)) + 60 + 45 * min(count, 12), options)
    preamble = rng.choice(["Read the following text and answer the question about it.", "Answer the question from the text.",
                           "Here is a document. A question follows."])
    return Task(preamble, haystack.slice(rng, hay, length), inserts, [turns[i] for i in order])


def multi_hop(rng, haystack, encode, lists, budget, options):
    """Two facts must be joined: a person's town and who is something in that town."""
    count = rng.randrange(1, max(2, min(8, budget // 200)))
    towns = rng.sample(names.PLACES, count)
    inserts, turns = [], []
    for town in towns:
        who, other, office = person(rng), person(rng), rng.choice(["mayor", "doctor", "judge", "teacher", "librarian"])
        inserts.append(encode(f" {who} lives in the town of {town}."))
        inserts.append(encode(f" The {office} of {town} is {other}."))
        turns.append((
            f"Who is the {office} of the town where {who} lives?",
            f"{who} lives in the town of {town}. The {office} of {town} is {other}.",
        ))
    rng.shuffle(inserts)
    rng.shuffle(turns)
    length = context_length(rng, budget, sum(map(len, inserts)) + 60 + 50 * count, options)
    return Task("Read the following text and answer the question about it.", haystack.slice(rng, "prose", length), inserts, turns)


def variable_tracking(rng, haystack, encode, lists, budget, options):
    """Chains VAR A = 12345, VAR B = VAR A: list every variable that has a value."""
    hops = options.get("hops") or rng.randrange(1, 5)
    chains = options.get("chains") or rng.randrange(1, max(2, min(5, budget // 250)))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    fresh = set()

    def variable():
        while True:
            name = "".join(rng.choice(letters) for _ in range(5))
            if name not in fresh:
                fresh.add(name)
                return name

    sequences, turns = [], []
    for _ in range(chains):
        value, chain = str(rng.randrange(10000, 100000)), [variable() for _ in range(hops + 1)]
        lines = [f" VAR {chain[0]} = {value}."] + [f" VAR {b} = VAR {a}." for a, b in zip(chain, chain[1:])]
        sequences.append([encode(line) for line in lines])
        turns.append((
            f"Find all variables that are assigned the value {value} in the text above.",
            f"The variables that are assigned the value {value} in the text above, they are: {' '.join(chain)}.",
        ))
    inserts = []
    while any(sequences):
        inserts.append(rng.choice([s for s in sequences if s]).pop(0))
    length = context_length(rng, budget, sum(map(len, inserts)) + 60 + 60 * chains, options)
    if (options.get("haystack") or rng.choice(["noise", "prose"])) == "noise":
        base = np.resize(np.asarray(encode(" " + NOISE)), length)
    else:
        base = haystack.slice(rng, "prose", length)
    preamble = "Memorize and track the chain(s) of variable assignment hidden in the following text."
    return Task(preamble, base, inserts, turns)


def key_values(rng, haystack, encode, lists, budget, options):
    """A list of keys and values (JSON, lines or a table) and look-ups in it."""
    style = rng.choice(['"{k}": "{v}",', "{k}: {v}", "| {k} | {v} |", "{k} = {v}"])
    hexadecimal = rng.random() < 0.4
    make = (lambda: f"{rng.getrandbits(32):08x}") if hexadecimal else (lambda: rng.choice(lists["noun"]))
    room = context_length(rng, budget, 60 + 30 * min(20, budget // 120), options)
    pairs, base = {}, []
    while len(base) < room:
        key, value = make(), str(rng.randrange(1000, 10**6)) if rng.random() < 0.5 else make()
        if key in pairs:
            continue
        line = encode("\n" + style.format(k=key, v=value))
        pairs[key] = value
        base.extend(line)
    asked = rng.sample(list(pairs), min(len(pairs), 20))
    turns = [(f"What is the value of {key}?", f"The value of {key} is {pairs[key]}.") for key in asked]
    return Task("Here is a list of keys and values.", np.asarray(base), [], turns)
