"""The tokenized training texts: tokenizer training, encoding once with all cores, and slices as haystacks."""
import json
import lzma
import multiprocessing
import pathlib

import numpy as np

SPECIAL_TOKENS = ["<|bos|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|pad|>"]
BOS, END, USER, ASSISTANT, SYSTEM, PAD = range(6)
VOCABULARY = 4096


def read_documents(path):
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def train_tokenizer(documents, path):
    """Byte-level BPE of 4096 entries, every digit a token of its own (so that numbers copy digit by digit)."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    sample = [d["text"][:60_000] for d in documents if d["split"] == "train"][::2]
    tokenizer.train_from_iterator(sample, trainer)
    tokenizer.save(str(path))


class Encoder:
    """Text to ids with a cache for the short sentences that tasks repeat."""

    def __init__(self, path):
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(path))
        self.cache = {}

    def __call__(self, text):
        ids = self.cache.get(text)
        if ids is None:
            ids = self.tokenizer.encode(text, add_special_tokens=False).ids
            if len(self.cache) < 200_000:
                self.cache[text] = ids
        return ids


def _encode_chunk(arguments):
    path, texts = arguments
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    return [np.asarray(encoding.ids, np.uint16) for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]


def encode_corpus(documents, tokenizer_path, folder, processes):
    """Writes {kind}-{split}.npy with all documents of a kind in one id array, <|bos|> before each."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = {}
    for document in documents:
        groups.setdefault((document["kind"], document["split"]), []).append(document["text"])
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for (kind, split), texts in groups.items():
            pieces = [text[i : i + 400_000] for text in texts for i in range(0, len(text), 400_000)]
            chunks = [(str(tokenizer_path), pieces[i : i + 4]) for i in range(0, len(pieces), 4)]
            arrays = [array for chunk in pool.imap(_encode_chunk, chunks) for array in chunk]
            flat = np.concatenate([part for array in arrays for part in (np.asarray([BOS], np.uint16), array)])
            np.save(folder / f"{kind}-{split}.npy", flat)
            print(f"{kind}-{split}: {len(flat) / 1e6:.2f} M tokens", flush=True)


class Haystack:
    """Slices of the encoded corpus, and the places where a sentence ends in them."""

    KINDS = ("prose", "technical", "code")

    def __init__(self, folder, split, encoder):
        folder = pathlib.Path(folder)
        self.arrays = {kind: np.load(folder / f"{kind}-{split}.npy", mmap_mode="r") for kind in self.KINDS}
        texts = [encoder.tokenizer.decode([i]) if i >= len(SPECIAL_TOKENS) else "" for i in range(VOCABULARY)]
        self.ends_sentence = np.asarray([text.endswith((".", "!", "?", '."', "\n")) for text in texts])
        self.end_of_line = np.asarray([text.endswith("\n") for text in texts])

    def slice(self, rng, kind, length):
        array = self.arrays[kind]
        start = rng.randrange(max(1, len(array) - length))
        ids = np.array(array[start : start + length])
        ids[ids == BOS] = END
        return ids
