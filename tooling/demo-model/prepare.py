"""Packs the training texts into one compressed file that travels to the GPU machine.

Usage: prepare.py SHARED_DATA_DIR OUT_DIR
Writes OUT_DIR/corpus.jsonl.xz: one JSON object a document {"kind", "split", "text"}, and OUT_DIR/lists.json with the
word lists and labelled questions that the synthetic tasks draw from.
"""
import json
import lzma
import pathlib
import random
import re
import sys
import tarfile

BOOK_BYTES = 84_000_000
CODE_BYTES = 14_000_000
HELD_OUT = 12


def archive_texts(path):
    """Texts of a compressed tar archive, by name."""
    with tarfile.open(path, "r:xz") as archive:
        for member in archive:
            if member.isfile():
                yield member.name, archive.extractfile(member).read().decode("utf-8", "ignore")


def clean(text):
    """Single spaces inside lines, at most one blank line between paragraphs, hard wraps joined."""
    text = text.replace("\r", "").replace("\u2019", "'").replace("\u201c", '"').replace("\u201d", '"').replace("\u2014", "--")
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n\n".join(re.sub(r"\s+", " ", paragraph).strip() for paragraph in paragraphs if paragraph.strip())


def code_files():
    """Sources of Python's standard library and of the TypeScript tools this workspace installs (permissive licences)."""
    roots = [(pathlib.Path("/usr/lib/python3.11"), "*.py"), (pathlib.Path("node_modules/.pnpm"), "*.ts")]
    seen = set()
    for root, pattern in roots:
        for path in sorted(root.rglob(pattern)):
            if any(part in {"test", "tests", "idlelib", "lib2to3"} for part in path.parts) or path.name.endswith(".d.ts"):
                continue
            try:
                text = path.read_text("utf-8")
            except (UnicodeDecodeError, OSError):
                continue
            if 500 < len(text) < 120_000 and hash(text) not in seen and max(map(len, text.split("\n"))) < 400:
                seen.add(hash(text))
                yield str(path), text


def take(documents, kind, limit, rng):
    """A random part of the documents up to `limit` bytes, the first few held out for evaluation."""
    rng.shuffle(documents)
    total = 0
    for index, (_, text) in enumerate(documents):
        if total > limit:
            break
        if len(text) < 400:
            continue
        total += len(text)
        yield {"kind": kind, "split": "held-out" if index < HELD_OUT else "train", "text": text}


def main(shared, out):
    rng = random.Random(2601)
    out.mkdir(parents=True, exist_ok=True)
    books = [(name, clean(text)) for name, text in archive_texts(shared / "books/books_train.tar.xz")]
    books = [(name, text) for name, text in books if text.isascii() or sum(map(ord, text[:4000])) / 4000 < 120]
    technical = list(archive_texts(shared / "docs_tech/peps_rfcs.tar.xz"))
    documents = [
        *take(books, "prose", BOOK_BYTES, rng),
        *take(technical, "technical", 18_000_000, rng),
        *take(list(code_files()), "code", CODE_BYTES, rng),
    ]
    with lzma.open(out / "corpus.jsonl.xz", "wt", preset=6, encoding="utf-8") as file:
        for document in documents:
            file.write(json.dumps(document, ensure_ascii=False) + "\n")
    words = {
        kind: sorted({line.strip() for line in open(shared / f"ruler_words/{kind}list.txt") if line.strip().isalpha()})
        for kind in ("noun", "adjective", "verb")
    }
    trec = [line.split(" ", 1) for line in open(shared / "trec/TREC.train", encoding="latin-1")]
    questions = [[label.split(":")[0], text.strip().replace(" ?", "?")] for label, text in trec]
    (out / "lists.json").write_text(json.dumps({**words, "questions": questions}))
    for kind in ("prose", "technical", "code"):
        chosen = [len(d["text"]) for d in documents if d["kind"] == kind]
        print(f"{kind}: {len(chosen)} documents, {sum(chosen) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
