#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare a built switch-gen with the live reference: fresh random checkpoints, and real sentences.

Comes in: the switch-gen executable and a work folder; a seed (drawn and printed where none is given).
Goes out: a table of checkpoint, search, backend: cases, equal, near ties, different. Exit 1 on a difference.
Holds: the reference's own outputs are made once and kept in the work folder, under a name that holds everything
that decides them; a difference is forgiven only as a near tie by the rule of the expectation file (README.md), and
near ties are listed one by one.

    check_parity.py [--program SWITCH_GEN] [--work DIR] [--seed N] [--quick | --full] [--only NAME]

--quick: every fifth of the 25 prompts, every tenth of the 500 sentences.
Compared of `fill --format jsonl`: ids, raw, score, logprob, dropped_tokens, for every hypothesis; then the same file
through `verify`, whose verdict must be the same.
"""

import argparse
import hashlib
import json
import secrets
import subprocess
import sys
from pathlib import Path

import make_checkpoint
import make_fixtures
import numpy_reference
import reference

ROOT = Path(__file__).resolve().parent.parent.parent
BACKENDS = ("native", "blas", "auto")
SCORE_TOLERANCE = 1e-3
NEAR_TIE = {"greedy": 1e-4, "beam4": 1e-5}
MAX_NEAR_TIES = 0.01
VERIFY_DIFFERENCE = 5


class Tally:
    """Counts of one row of the table, with what is to be said about its cases."""

    def __init__(self, checkpoint, search, backend):
        self.name = (checkpoint, search, backend)
        self.cases = self.equal = 0
        self.near_ties, self.different = [], []

    def add(self, text, found, case, search):
        self.cases += 1
        complaint = compare(found, case)
        if complaint is None:
            self.equal += 1
        elif is_near_tie(found, case, search):
            self.near_ties.append((text, complaint))
        else:
            self.different.append((text, complaint))

    def row(self):
        counts = (self.cases, self.equal, len(self.near_ties), len(self.different))
        return "{:<18} {:<7} {:<7} {:>6} {:>6} {:>9} {:>9}".format(*self.name, *counts)


def hypotheses(record):
    return record.get("candidates") or [record]


def close(found, expected):
    if expected is None or found is None:
        return expected is found
    return abs(found - expected) <= SCORE_TOLERANCE


def first_difference(found, expected):
    """First position at which two lists of ids differ; None where they are equal."""
    for position, (a, b) in enumerate(zip(found, expected)):
        if a != b:
            return position
    return None if len(found) == len(expected) else min(len(found), len(expected))


def compare(found, case):
    """What differs between a record of `fill` and a case, or None."""
    if found.get("status") != "ok":
        return f"status {found.get('status')}: {found.get('error')}"
    if found["input_tokens"] != len(case["input_ids"]):
        return f"input_tokens {found['input_tokens']}, expected {len(case['input_ids'])}"
    mine, theirs = hypotheses(found), hypotheses(case)
    if len(mine) != len(theirs):
        return f"{len(mine)} hypotheses, expected {len(theirs)}"
    for rank, (a, b) in enumerate(zip(mine, theirs)):
        position = first_difference(a["ids"], b["ids"])
        if position is not None:
            return f"hypothesis {rank}: ids differ from position {position}: {a['ids']}, expected {b['ids']}"
        for field in ("score", "logprob"):
            if not close(a[field], b[field]):
                return f"hypothesis {rank}: {field} {a[field]}, expected {b[field]}"
        if a["raw"] != b["raw"]:
            return f"hypothesis {rank}: raw {a['raw']!r}, expected {b['raw']!r}"
    # With a capacity of 0 the decoder drops too, and the number depends on the steps counted: not compared.
    if case["compare_drops"] and found["dropped_tokens"] != case["dropped_tokens"]:
        return f"dropped_tokens {found['dropped_tokens']}, expected {case['dropped_tokens']}"
    return None


def is_near_tie(found, case, search):
    """Whether the ids differ and a choice at or before the first diverging step was too near to call."""
    if found.get("status") != "ok":
        return False
    mine, theirs = hypotheses(found), hypotheses(case)
    if len(mine) != len(theirs):
        return False
    steps = [first_difference(a["ids"], b["ids"]) for a, b in zip(mine, theirs)]
    steps = [step for step in steps if step is not None]
    if not steps:
        return False
    decisive = case["margins"][: min(steps) + 1]
    if search != "greedy":
        # A beam that loses a choice in the middle is replaced from the start, and final scores decide the order.
        decisive = case["margins"]
    return min(decisive) < NEAR_TIE[search]


def run(command, **keywords):
    return subprocess.run([str(part) for part in command], capture_output=True, **keywords)


def machine(backend):
    """One thread where a backend is forced; what a user gets by default where none is."""
    return ["--matmul", backend] + ([] if backend == "auto" else ["--threads", "1"])


def fill(executable, model, prompts, search, backend, options):
    """The records of `fill --format jsonl`, in order."""
    command = [executable, "fill", "--model", model, "-f", prompts, "--format", "jsonl", *machine(backend)]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), value]
    done = run(command)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr.decode()}")
    return [json.loads(line) for line in done.stdout.decode("utf-8").splitlines() if line]


def expectations(model, prompts, search, options, folder, compare_drops, load=reference.Reference):
    """The reference's cases, from the work folder where they are already there, and the file's path."""
    identity = json.dumps(
        [reference.made_by(), load.__name__, reference.model_files(model), prompts, options], sort_keys=True
    ) + "".join(Path(module.__file__).read_text(encoding="utf-8") for module in (reference, numpy_reference))
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    path = folder / f"{Path(model).name}-{search}-{key}.jsonl"
    if not path.exists():
        reference.write_expectations(loaded(model, load), prompts, options, path)
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    for case in cases:
        case["compare_drops"] = compare_drops
    return cases, path


def loaded(model, load, cache={}):
    """The model in the reference; the last one is kept."""
    if cache.get("key") != (model, load):
        cache.update(key=(model, load), reference=load(model))
    return cache["reference"]


def check_verify(executable, path, model, backend, tally):
    """`verify` must agree: no difference where `fill` showed none."""
    done = run([executable, "verify", path, "--model", model, *machine(backend)])
    expected = VERIFY_DIFFERENCE if tally.different else 0
    if done.returncode != expected and not (tally.near_ties and done.returncode == VERIFY_DIFFERENCE):
        output = (done.stdout + done.stderr).decode("utf-8", "replace")[-800:]
        tally.different.append((f"verify {path}", f"exit {done.returncode}, expected {expected}: {output}"))


def check_model(executable, model, prompts, options_of, folder, compare_drops, load=reference.Reference):
    prompt_file = folder / f"{Path(model).name}.txt"
    prompt_file.write_text("\n".join(prompts) + "\n", encoding="utf-8")
    tallies = []
    for search in make_fixtures.SEARCHES:
        options = options_of(search)
        cases, path = expectations(model, prompts, search, options, folder, compare_drops, load)
        for backend in BACKENDS:
            tally = Tally(Path(model).name, search, backend)
            records = fill(executable, model, prompt_file, search, backend, options)
            if len(records) != len(cases):
                tally.different.append(("", f"{len(records)} records, expected {len(cases)}"))
            for record, case in zip(records, cases):
                tally.add(case["text"], record, case, search)
            check_verify(executable, path, model, backend, tally)
            print(tally.row(), flush=True)
            tallies.append(tally)
    return tallies


def report(tallies):
    """Say what differed. True where everything is equal but a few near ties."""
    for tally in tallies:
        for text, complaint in tally.near_ties:
            print(f"near tie: {' '.join(tally.name)}: {text!r}: {complaint}")
    for tally in tallies:
        for text, complaint in tally.different:
            print(f"DIFFERENT: {' '.join(tally.name)}: {text!r}: {complaint}")
    cases = sum(tally.cases for tally in tallies)
    near = sum(len(tally.near_ties) for tally in tallies)
    different = sum(len(tally.different) for tally in tallies)
    print(f"{cases} cases: {sum(tally.equal for tally in tallies)} equal, {near} near ties, {different} different")
    if near > MAX_NEAR_TIES * cases:
        print(f"more than {MAX_NEAR_TIES:.0%} near ties")
        return False
    return cases > 0 and different == 0


def check_random(arguments, seed):
    prompts = reference.read_prompts(make_fixtures.CHECKPOINTS / "prompts.txt")
    tallies = []
    for number, (name, shape) in enumerate(make_checkpoint.load_shapes().items()):
        if arguments.only and name != arguments.only:
            continue
        folder = arguments.work / f"seed-{seed}"
        model = folder / name
        make_checkpoint.make(shape, seed + number, model)
        tallies += check_model(
            arguments.program.resolve(),
            model,
            prompts[:: 5 if arguments.quick else 1],
            lambda search, shape=shape: make_fixtures.search_options(shape, search),
            folder,
            shape.get("expert_capacity", 1) > 0,
        )
    return tallies


def check_shipped(arguments):
    prompts = reference.read_prompts(ROOT / "tests" / "parity" / "prompts-500.txt")
    if arguments.quick:
        prompts = prompts[::10]
    model = ROOT / "models" / "switch-small-64"
    return check_model(arguments.program.resolve(), model, prompts, make_fixtures.SEARCHES.get, arguments.work, True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "release" / "switch-gen")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "parity")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", help="one shape of shapes.json, or switch-small-64")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true")
    size.add_argument("--full", action="store_true", help="the default")
    arguments = parser.parse_args()
    reference.check_version()
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    arguments.work.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed} (repeat with --seed {seed})")
    print("{:<18} {:<7} {:<7} {:>6} {:>6} {:>9} {:>9}".format(
        "checkpoint", "search", "matmul", "cases", "equal", "near ties", "different"), flush=True)
    tallies = []
    if arguments.only != "switch-small-64":
        tallies += check_random(arguments, seed)
    if arguments.only in (None, "switch-small-64"):
        tallies += check_shipped(arguments)
    sys.exit(0 if report(tallies) else 1)


if __name__ == "__main__":
    main()
