#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare the safetensors reader with the Rust reference (Python package safetensors 0.8.0).

    check_safetensors.py [--build build/release] [--count 20000] [--seed N]

Judged by both: the cases of tests/unit/test_safetensors.c, whose verdicts the reference must share, and
`count` random files: structures that are valid or nearly so, then changed byte by byte, token by token or
in their lengths. What the reference refuses must be refused; what it takes must be taken, but for the
stricter cases of src/storage/README.md, which are recognised in the file itself and counted by kind.

Exit status: 0 no disagreement, 1 a disagreement (the file is written to --keep), 2 something is missing.
"""

import argparse
import collections
import json
import math
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

VERSION = "0.8.0"
BATCH = 2000
SHOWN = 10

BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8,
        "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
        "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64}

NUMBERS = ["0", "-0", "1", "2", "3", "8", "1.0", "1e0", "1E1", "-1", "01", "1.", ".5", "+1", "0x1", "1e999",
           "1e308", "1.8e308", "1.7976931348623157e308", "1.797693134862315808e308",
           "1.7976931348623158e308", "17976931348623157e292", "17976931348623158e292",
           "1.79769313486231580793e+308", "0.00001e313", "0e999", "-1e-999", "9223372036854775808",
           "18446744073709551615", "18446744073709551616", "99999999999999999999999999", "2305843009213693951",
           "2305843009213693952", "4611686018427387904", "1" + "0" * 308, "1" + "0" * 309, "0." + "0" * 330 + "1e331"]
TOKENS = ["{", "}", "[", "]", ",", ":", '"', "\\", "null", "true", "false", " ", "\t", "\r", "\n", "\f", "\v", "\0",
          "\u00a0", "\ufeff", "/", "//", "'", "NaN", "Infinity", "{}", "[]", '""', '"a":1,', '"U8"', '{"U8":null}',
          '["U8",[1],[0,1]]', "\\u0000", "\\u0061", "\\ud83d\\ude00", "\\ud83d", "\\ude00", "\\n", "\\x", "\\u12",
          '"dtype"', '"shape"', '"data_offsets"', '"__metadata__"', '"__metadata__":null,', "\x1f", "\x7f", "é", "😀"]
BYTES = [b"\xff", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x96", b"\xc3"]
NAMES = ["", "a", "b", "A", "w", "encoder.block.0", "../x", "é", "▁", "__metadata", "__METADATA__", "\u0000", "a\u0000",
         "\u001b[31m", "x" * 300]


class Files:
    """Random safetensors files, valid or nearly so."""

    def __init__(self, rng):
        self.rng = rng

    def chance(self, probability):
        return self.rng.random() < probability

    def space(self):
        return "".join(self.rng.choices(" \t\r\n", k=self.rng.randint(0, 3))) if self.chance(0.05) else ""

    def string(self, text):
        """A JSON string, with some characters escaped that need not be."""
        parts = []
        for c in text:
            if self.chance(0.03) and ord(c) < 0x10000:
                parts.append(f"\\u{ord(c):04x}")
            else:
                parts.append(json.dumps(c, ensure_ascii=self.chance(0.3))[1:-1])
        return '"' + "".join(parts) + '"'

    def value(self, depth=0):
        """Any JSON value, for fields that are ignored."""
        kind = self.rng.randrange(8 if depth < 4 else 5)
        if kind < 2:
            return self.rng.choice(NUMBERS[:12] if self.chance(0.2) else ["0", "-1.5", "1e308", "12", "0e999"])
        if kind < 3:
            return self.number()
        if kind < 4:
            return self.rng.choice(["null", "true", "false"])
        if kind < 5:
            return self.string(self.rng.choice(NAMES))
        if kind < 6:
            levels = self.rng.choice([1, 2, 60, 123, 124, 125, 126, 127, 128])
            return "[" * levels + "]" * levels
        if kind < 7:
            return "[" + ",".join(self.value(depth + 1) for _ in range(self.rng.randint(0, 3))) + "]"
        return "{" + ",".join(f"{self.string(self.rng.choice(NAMES))}:{self.value(depth + 1)}"
                              for _ in range(self.rng.randint(0, 3))) + "}"

    def number(self):
        """A number around the largest double, or of unusual length."""
        if self.chance(0.5):
            return self.rng.choice(NUMBERS)
        digits = "".join(self.rng.choices("0123456789", k=self.rng.randint(1, 40)))
        return f"{self.rng.choice('123456789')}.{digits}e{self.rng.choice([305, 306, 307, 308, 308, 308, 309, 400, -400])}"

    def dimensions(self):
        if self.chance(0.03):
            return [self.rng.choice([0, 1, 2**32, 2**61 - 1, 2**61, 2**63, 2**64 - 1, 2**64]) for _ in range(self.rng.randint(1, 4))]
        return [self.rng.choice([0, 1, 1, 2, 2, 3, 4, 8]) for _ in range(self.rng.choice([0, 1, 1, 2, 2, 3, 6]))]

    def tensors(self):
        """(name, dtype, shape, begin, end), laid out without holes; sizes rounded where bytes are not whole."""
        found, offset, names = [], 0, set()
        for _ in range(self.rng.choice([0, 1, 1, 1, 2, 2, 3, 5])):
            name = self.rng.choice(NAMES) if self.chance(0.5) else f"t{self.rng.randrange(100)}"
            if (name in names or "\0" in name) and not self.chance(0.02):
                continue
            names.add(name)
            dtype, shape = self.rng.choice(list(BITS)), self.dimensions()
            bits = BITS[dtype]
            for d in shape:
                bits *= d
            size = bits // 8
            if self.chance(0.02):
                size = max(0, size + self.rng.choice([-1, 1, 8]))
            begin = offset + (self.rng.choice([-1, 1, 8]) if self.chance(0.02) else 0)
            found.append((name, dtype, shape, begin, begin + size))
            offset = begin + size
        self.rng.shuffle(found)
        return found, offset

    def entry(self, dtype, shape, begin, end):
        numbers = [str(d) for d in shape]
        if self.chance(0.02) and numbers:
            numbers[self.rng.randrange(len(numbers))] = self.rng.choice(NUMBERS)
        offsets = [str(begin), str(end)]
        if self.chance(0.02):
            offsets[self.rng.randrange(2)] = self.rng.choice(NUMBERS)
        if self.chance(0.01):
            offsets = offsets[:1] if self.chance(0.5) else offsets + ["0"]
        written = self.string(dtype) if not self.chance(0.01) else f'{{{self.string(dtype)}:null}}'
        shape_text, offset_text = "[" + ",".join(numbers) + "]", "[" + ",".join(offsets) + "]"
        if self.chance(0.01):
            return f"[{written},{shape_text},{offset_text}]"
        fields = [("dtype", written), ("shape", shape_text), ("data_offsets", offset_text)]
        self.rng.shuffle(fields)
        if self.chance(0.1):
            fields.insert(self.rng.randrange(4), (self.rng.choice(["x", "Dtype", "", "shape ", "offsets"]), self.value()))
        if self.chance(0.02):
            fields.append(self.rng.choice(fields))
        if self.chance(0.02):
            fields.pop(self.rng.randrange(len(fields)))
        return "{" + ",".join(f"{self.space()}{self.string(k)}{self.space()}:{self.space()}{v}{self.space()}"
                              for k, v in fields) + "}"

    def metadata(self):
        if self.chance(0.2):
            return "null"
        if self.chance(0.05):
            return self.value()
        return "{" + ",".join(f"{self.string(self.rng.choice(NAMES))}:"
                              f"{self.string(self.rng.choice(NAMES)) if not self.chance(0.03) else self.value()}"
                              for _ in range(self.rng.randint(0, 4))) + "}"

    def header(self):
        tensors, size = self.tensors()
        members = [f"{self.space()}{self.string(name)}{self.space()}:{self.space()}{self.entry(*rest)}{self.space()}"
                   for name, *rest in tensors]
        for _ in range(self.rng.choice([0, 0, 1]) if not self.chance(0.02) else 2):
            members.insert(self.rng.randint(0, len(members)), f"{self.string('__metadata__')}:{self.metadata()}")
        text = self.space() + "{" + ",".join(members) + "}" + self.space()
        if self.chance(0.3):
            text += " " * (-len(text) % 8)
        return text.encode("utf-8", "surrogatepass"), size

    def change(self, data):
        """One small change of the header's bytes."""
        at = self.rng.randint(0, len(data))
        end = min(len(data), at + self.rng.choice([1, 1, 1, 2, 4, 16]))
        kind = self.rng.randrange(7)
        if kind == 0:
            return data[:at] + self.rng.choice(TOKENS).encode() + data[at:]
        if kind == 1:
            return data[:at] + data[end:]
        if kind == 2:
            return data[:at] + bytes([self.rng.randrange(256)]) + data[end:]
        if kind == 3:
            return data[:at] + self.rng.choice(BYTES) + data[at:]
        if kind == 4:
            return data[:end] + data[at:end] + data[end:]
        if kind == 5:
            return data[:at] + bytes([data[at] ^ 1 << self.rng.randrange(8)]) + data[at + 1:] if at < len(data) else data
        numbers = list(re.finditer(rb"[0-9]+", data))
        if not numbers:
            return data
        found = self.rng.choice(numbers)
        return data[:found.start()] + self.rng.choice(NUMBERS).encode() + data[found.end():]

    def file(self):
        header, size = self.header()
        for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
            header = self.change(header)
        size = max(0, min(size, 1 << 16))
        length = len(header)
        if self.chance(0.03):
            size = max(0, size + self.rng.choice([-1, 1, 7]))
        if self.chance(0.03):
            length = max(0, length + self.rng.choice([-1, 1, -2, 8, size, 10**8, 2**32, 2**63]))
        data = struct.pack("<Q", length) + header + bytes(size)
        return data[:self.rng.randint(0, len(data))] if self.chance(0.01) else data


def reference_takes(data):
    import safetensors

    try:
        safetensors.deserialize(data)
        return True
    except safetensors.SafetensorError:
        return False


def stricter_kind(data, message):
    """Which documented stricter case `message` speaks of and `data` really has; None if none."""
    numbers = []
    members = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]], object_pairs_hook=tuple,
                         parse_float=numbers.append)
    names = [name for name, _ in members if name != "__metadata__"]
    entries = [entry for name, entry in members if name != "__metadata__"]
    if message.endswith("is given twice") and len(set(names)) < len(names):
        return "a tensor's name twice"
    if message.endswith("the name holds a NUL") and any("\0" in name for name in names):
        return "a NUL in a tensor's name"
    if message.endswith("the entry is no object") and any(isinstance(entry, list) for entry in entries):
        return "an entry as a list"
    if message.endswith("dtype is no string") and any(
            isinstance(value, tuple) for entry in entries if isinstance(entry, tuple) for key, value in entry if key == "dtype"):
        return "a dtype as an object"
    if message.endswith("expected a number that a double can hold") and any(
            math.isinf(float(number)) for number in numbers):
        return "a number above the largest double"
    return None


class Judge:
    """Counts agreements; keeps and shows disagreements."""

    def __init__(self, probe, keep):
        self.probe, self.keep = probe, keep
        self.counts, self.disagreements = collections.Counter(), 0

    def judge(self, paths, expected=None):
        asked = subprocess.run([self.probe], input="".join(f"{path}\n" for path in paths).encode(),
                               stdout=subprocess.PIPE, check=True)
        answers = asked.stdout.decode("utf-8", "replace").split("\n")
        if answers.pop() != "" or len(answers) != len(paths):
            sys.exit(f"check_safetensors: {len(answers)} answers for {len(paths)} files")
        for path, answer in zip(paths, answers):
            data = path.read_bytes()
            verdict = self.verdict(data, reference_takes(data), answer)
            self.counts[verdict] += 1
            if verdict.startswith("DISAGREE") or (expected and not verdict.startswith(expected(path))):
                self.report(path, data, verdict, answer)

    @staticmethod
    def verdict(data, taken, answer):
        word, _, message = answer.partition(" ")
        if taken == (word == "ok"):
            return "taken by both" if taken else "refused by both"
        if not taken:
            return "DISAGREE: looser than the reference"
        kind = stricter_kind(data, message)
        return f"stricter: {kind}" if kind else "DISAGREE: stricter for no documented reason"

    def report(self, path, data, verdict, answer):
        self.disagreements += 1
        if self.disagreements <= SHOWN:
            self.keep.mkdir(parents=True, exist_ok=True)
            kept = self.keep / f"disagreement-{self.disagreements}"
            kept.write_bytes(data)
            print(f"  {verdict}: {path.name}: {answer}\n    {data[:300]!r}\n    kept as {kept}")


def check_cases(judge, program, folder):
    """The unit test's own files: the reference must share every verdict."""
    folder.mkdir()
    subprocess.run([program, folder], check=True)
    begins = {"taken": "taken by both", "refused": "refused by both", "stricter": "stricter: "}
    paths = sorted(folder.iterdir())
    judge.judge(paths, expected=lambda path: begins[path.name.split("-")[1]])
    print(f"{len(paths)} cases of test_safetensors.c: {judge.disagreements} disagreements")


def check_random(judge, rng, count, folder):
    folder.mkdir()
    files = Files(rng)
    paths = [folder / str(i) for i in range(min(BATCH, count))]
    for start in range(0, count, BATCH):
        part = paths[:min(BATCH, count - start)]
        for path in part:
            path.write_bytes(files.file())
        judge.judge(part)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=root / "build/release", help="a build with its tests")
    parser.add_argument("--count", type=int, default=20000, help="random files (20000)")
    parser.add_argument("--seed", type=int, default=None, help="of the random files (a fresh one)")
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("disagreements"),
                        help="folder for files on which the two disagree")
    args = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if args.seed is None else args.seed
    probe, cases = args.build / "tests/support/safetensors_probe", args.build / "tests/unit/test_safetensors"
    for program in (probe, cases):
        if not program.is_file():
            print(f"check_safetensors: {program} is missing: build it first", file=sys.stderr)
            return 2
    try:
        import safetensors
    except ImportError:
        print("check_safetensors: the Python package safetensors is missing: see tools/reference/setup", file=sys.stderr)
        return 2
    if safetensors.__version__ != VERSION:
        print(f"check_safetensors: safetensors is {safetensors.__version__}, expected {VERSION}", file=sys.stderr)
        return 2
    print(f"seed {seed}")
    judge = Judge(probe, args.keep)
    with tempfile.TemporaryDirectory() as work:
        check_cases(judge, cases, pathlib.Path(work) / "cases")
        judge.counts.clear()
        check_random(judge, random.Random(seed), args.count, pathlib.Path(work) / "random")
    print(f"{args.count} random files:")
    for verdict, count in sorted(judge.counts.items()):
        print(f"  {count:8} {verdict}")
    print(f"{judge.disagreements} disagreements")
    return 1 if judge.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
