#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make tests/parity/prompts-500.txt: real sentences with blanks put in by a fixed rule.

Comes in: the test text of the corpus that the shipped model was trained on (one paragraph a line; .txt or .txt.xz).
Goes out: 500 lines, each one sentence, or two or three that follow each other, with 1 to 6 blanks of 1 to 4 words.
Holds: the same text gives the same lines; lengths vary from 5 to about 90 words; two blanks never touch.

    make_prompts.py CORPUS [OUT]

The rule: paragraphs are cut into sentences after . ! or ? and a space; a candidate starts at each sentence and takes
one, two or three sentences in turn; those of 5 to 90 words are kept, and 500 of them are taken at even distances
through the whole text. The number of blanks is drawn from 1 up to one for every four words, at most 6; each takes 1
to 4 words (never the punctuation at their end) and leaves at least one word before the next.
"""

import lzma
import random
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COUNT = 500
SEED = 20220609


def read_paragraphs(path):
    if path.suffix == ".xz":
        text = lzma.open(path, "rt", encoding="utf-8").read()
    else:
        text = path.read_text(encoding="utf-8")
    return [line.strip() for line in text.split("\n") if line.strip()]


def candidates(paragraphs):
    found, turn = [], 0
    for paragraph in paragraphs:
        sentences = re.split(r"(?<=[.!?])\s+", paragraph)
        for start in range(len(sentences)):
            turn += 1
            text = " ".join(sentences[start : start + 1 + turn % 3])
            if 5 <= len(text.split()) <= 90 and "<" not in text:
                found.append(text)
    return found


def draw(choice, low, high):
    """A whole number from low to high; only random() is the same in every version of Python."""
    return low + int(choice.random() * (high - low + 1))


def put_blanks(text, choice):
    words = text.split()
    wanted = draw(choice, 1, min(6, max(1, len(words) // 4)))
    # One blank in each of `wanted` equal stretches, so that they never touch.
    stretch = len(words) / wanted
    result, position = [], 0
    for number in range(wanted):
        first, last = int(number * stretch), int((number + 1) * stretch) - 1
        length = draw(choice, 1, min(4, last - first))
        start = draw(choice, first, last - length)
        for inner in range(1, length):
            if words[start + inner - 1][-1] in ".!?":
                length = inner  # a blank does not reach into the next sentence
                break
        end = re.search(r"[^\w]*$", words[start + length - 1]).group()
        result += words[position:start]
        result.append(f"<extra_id_{number}>{end}")
        position = start + length
    return " ".join(result + words[position:])


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "tests" / "parity" / "prompts-500.txt"
    found = candidates(read_paragraphs(Path(sys.argv[1])))
    choice = random.Random(SEED)
    chosen = [found[i * len(found) // COUNT] for i in range(COUNT)]
    lines = [put_blanks(text, choice) for text in chosen]
    assert all("\n" not in line and "<extra_id_0>" in line for line in lines)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{out}: {len(lines)} of {len(found)} candidates")


if __name__ == "__main__":
    main()
