#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare the tokenizer with transformers' T5Tokenizer on random strings and random ids.

    check_tokenizer.py --probe build/dev/tests/support/tokenizer_probe [--count 100000] [--seed N]

Every string of every class must give the same ids, but for the class `marks` (combining marks and
joiners): there the reference normalises grapheme by grapheme and drops what follows a character that
the map changes (src/text/README.md). That class is counted apart and decides nothing. Decoding is
compared on a tenth as many random lists of ids, with special tokens kept and left out.

Exit status: 0 all equal, 1 a difference, 2 something is missing.
"""

import argparse
import logging
import os
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parents[2]
MODELS = [ROOT / "tests/fixtures/t5", ROOT / "models/switch-small-64"]
VERSION = "5.23.0"
SHOWN = 10

# Category M are combining marks; these do the same without being of it.
JOINERS = {0x200C, 0x200D, 0x0E33, 0x0EB3}


def is_mark(code_point):
    return unicodedata.category(chr(code_point)).startswith("M") or code_point in JOINERS


PLAIN = [chr(c) for c in range(0xD800) if not is_mark(c)]
MARKS = [chr(c) for c in range(0xD800) if is_mark(c)]
CHANGED = [c for c in PLAIN if unicodedata.normalize("NFKC", c) != c]
SPACES = [c for c in PLAIN if c.isspace()]
ASCII = [chr(c) for c in range(128)]
SPECIAL = ["<pad>", "</s>", "<unk>", "<extra_id_0>", "<extra_id_1>", "<extra_id_99>", "<extra_id_100>",
           "<extra_id_01>", "<EXTRA_ID_0>", "< extra_id_0 >", "<extra_id_", "<<extra_id_5>>", "\u2581",
           "\uff1cextra_id_7\uff1e", "\uff1c/s\uff1e", "\uff1cunk\uff1e", "\x85", "\n", " ", "  ", "\u3000"]
FEW = ["T0", "aA", "0Ns-", "AT0", "es ", "'s.", "the", "01,.", "aeiou", "\u2026.", "iI1l", "n't "]


class Strings:
    """Random strings of the classes; `pieces` are of the vocabulary in hand."""

    def __init__(self, rng, pieces):
        self.rng = rng
        self.pieces = pieces

    def some(self, alphabet, most):
        return "".join(self.rng.choices(alphabet, k=self.rng.randint(0, most)))

    def ascii(self):
        return self.some(ASCII, 60)

    def bmp(self):
        return self.some(PLAIN, 40)

    def changed(self):
        return "".join(self.rng.choice((CHANGED, SPACES, ASCII, PLAIN))[0] if self.rng.random() < 0.02 else
                       self.rng.choice(self.rng.choice((CHANGED, CHANGED, SPACES, ASCII)))
                       for _ in range(self.rng.randint(0, 40)))

    def special(self):
        parts = []
        for _ in range(self.rng.randint(1, 8)):
            kind = self.rng.random()
            parts.append(self.rng.choice(SPECIAL) if kind < 0.5 else
                         self.some(ASCII, 6) if kind < 0.7 else self.rng.choice(self.pieces))
        return "".join(parts)

    def few(self):
        return self.some(self.rng.choice(FEW), 24)

    def words(self):
        return "".join(self.rng.choice(self.pieces).replace("\u2581", " ")
                       for _ in range(self.rng.randint(1, 30)))

    def astral(self):
        return "".join(chr(self.rng.choice((0x1F600, 0x1D400, 0x10300, 0x20000, 0x2F800)) + self.rng.randrange(64))
                       if self.rng.random() < 0.5 else self.rng.choice(ASCII)
                       for _ in range(self.rng.randint(1, 20)))

    def marks(self):
        return "".join(self.rng.choice(MARKS) if self.rng.random() < 0.2 else
                       self.rng.choice(self.rng.choice((ASCII, PLAIN, CHANGED)))
                       for _ in range(self.rng.randint(1, 30)))


# Shares of the count.
CLASSES = {"ascii": 15, "bmp": 20, "changed": 10, "special": 15, "few": 20, "words": 10, "astral": 5, "marks": 5}


def ask(probe, model, mode, records, end, split):
    """Hand `records` to the probe; the answers, one for each."""
    done = subprocess.run([probe, model, mode], input=b"".join(r + end for r in records),
                          stdout=subprocess.PIPE, check=True)
    answers = done.stdout.split(split)
    if answers.pop() != b"" or len(answers) != len(records):
        sys.exit(f"check_tokenizer: {len(answers)} answers for {len(records)} records")
    return answers


def encode(probe, model, texts):
    records = [t.encode().replace(b"\\", b"\\\\").replace(b"\0", b"\\0") for t in texts]
    return [[int(i) for i in line.split()] for line in ask(probe, model, "encode", records, b"\0", b"\n")]


def check_encode(probe, model, reference, strings, name, count):
    texts = [getattr(strings, name)() for _ in range(count)]
    expected = reference(texts)["input_ids"]
    found = encode(probe, model, texts)
    wrong = [i for i in range(count) if expected[i] != found[i]]
    for i in wrong[:SHOWN if name != "marks" else 0]:
        print(f"  {texts[i]!a}\n    expected {expected[i]}\n    found    {found[i]}")
    print(f"  {name:8} {count:7} strings, {len(wrong)} differ"
          + (" (the documented unreachable class)" if name == "marks" else ""), flush=True)
    return len(wrong) if name != "marks" else 0


def check_decode(probe, model, reference, rng, size, count):
    common = [0, 1, 2, 3, 5, size - 1, size - 2, size - 100, size, size + 27]
    lists = [[rng.choice(common) if rng.random() < 0.3 else rng.randrange(size) for _ in range(rng.randint(0, 20))]
             for _ in range(count)]
    records = [" ".join(map(str, ids)).encode() for ids in lists]
    differ = 0
    for mode, skip in (("raw", False), ("plain", True)):
        expected = reference.batch_decode(lists, skip_special_tokens=skip)
        found = [a.decode() for a in ask(probe, model, mode, records, b"\n", b"\0")]
        wrong = [i for i in range(count) if expected[i] != found[i]]
        for i in wrong[:SHOWN]:
            print(f"  {lists[i]}\n    expected {expected[i]!a}\n    found    {found[i]!a}")
        print(f"  decode {mode:5} {count} lists, {len(wrong)} differ", flush=True)
        differ += len(wrong)
    return differ


def check_model(probe, model, args):
    from transformers import AutoTokenizer

    reference = AutoTokenizer.from_pretrained(model)
    size = len(reference)
    rng = random.Random(f"{args.seed} {model.name}")
    strings = Strings(rng, reference.convert_ids_to_tokens(range(size)))
    print(f"{model}: {type(reference).__name__}, {size} tokens")
    differ = 0
    for name, share in CLASSES.items():
        differ += check_encode(probe, model, reference, strings, name, max(1, args.count * share // 100))
    return differ + check_decode(probe, model, reference, rng, size, max(1, args.count // 10))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probe", type=Path, required=True, help="the tokenizer_probe of a build")
    parser.add_argument("--count", type=int, default=100000, help="strings a vocabulary")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run")
    parser.add_argument("--model", type=Path, action="append", help="a folder with spiece.model; more than one may be given")
    args = parser.parse_args()
    try:
        import transformers
    except ImportError:
        print("check_tokenizer: transformers is not installed (tools/reference/requirements.txt)", file=sys.stderr)
        return 2
    if transformers.__version__ != VERSION:
        print(f"check_tokenizer: transformers {transformers.__version__}, expected {VERSION}", file=sys.stderr)
        return 2
    logging.getLogger("transformers").setLevel(logging.ERROR)
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(2**32)
    print(f"seed {args.seed}, transformers {transformers.__version__}")
    differ = sum(check_model(args.probe, model, args) for model in args.model or MODELS)
    print("all equal outside the documented class" if differ == 0 else f"{differ} differ")
    return 0 if differ == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
