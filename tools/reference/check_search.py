#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the searches with transformers' generate() on fresh random settings of the fake model.

    check_search.py [--probe build/release/tests/support/search_probe] [--cases N] [--seed S]

Prints the seed, what differs, and the counts. Equal means: the same ids in the same order, scores within
1e-5 and summed log-probabilities within 1e-4 (relative above 1). A case with a margin below 1e-5 may
differ; it is counted as a near tie. Exit code 1 if another differs, or if more than 1 case in 50 is a near
tie.
"""
import argparse
import math
import pathlib
import random
import subprocess
import sys

import make_search_cases as cases

NEAR_TIE = 1e-5
PROBE = pathlib.Path(__file__).resolve().parents[2] / "build/release/tests/support/search_probe"


def run_probe(probe, batch):
    """[(margin, [(score, logprob, ids)])] in the order of the cases."""
    text = "".join(cases.case_line(case) + "\n" for case in batch)
    try:
        answer = subprocess.run([probe], input=text, capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"check_search: {probe} does not run: {error.strerror}")
    if answer.returncode != 0:
        sys.exit(f"check_search: {probe} ended with {answer.returncode}: {answer.stderr.strip()}")
    found = []
    for line in answer.stdout.splitlines():
        kind, *fields = line.split()
        if kind == "margin":
            found.append((float(fields[0]), []))
        else:
            found[-1][1].append((float(fields[0]), float(fields[1]), [int(id) for id in fields[3:]]))
    return found


def is_near(found, expected, tolerance):
    if math.isnan(found) or math.isnan(expected):
        return math.isnan(found) and math.isnan(expected)
    return abs(found - expected) <= tolerance * max(1.0, abs(expected))


def is_equal(found, expected):
    return len(found) == len(expected) and all(
        f[2] == e[2] and is_near(f[0], e[0], NEAR_TIE) and is_near(f[1], e[1], 1e-4)
        for f, e in zip(found, expected))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probe", default=PROBE, help="the program that runs the searches")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="a fresh one is drawn and printed")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2 ** 31)
    print(f"check_search: {options.cases} cases, seed {seed}", flush=True)
    cases.quiet()
    rng = random.Random(seed)
    batch = [cases.random_case(rng) for _ in range(options.cases)]
    counts = {"equal": 0, "near tie": 0, "DIFFERENT": 0}
    for case, (margin, found) in zip(batch, run_probe(options.probe, batch), strict=True):
        expected = cases.run_reference(case)
        kind = "equal" if is_equal(found, expected) else "near tie" if margin < NEAR_TIE else "DIFFERENT"
        counts[kind] += 1
        if kind != "equal":
            print(f"{kind}, margin {margin:.3g}: {cases.case_line(case)}")
            print(f"  expected {expected}\n  found    {found}")
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return int(counts["DIFFERENT"] > 0 or counts["near tie"] * 50 > options.cases)


if __name__ == "__main__":
    sys.exit(main())
