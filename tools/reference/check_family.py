#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare a built switch-gen with the reference on checkpoints laid out as every published family lays them out.

Comes in: the switch-gen executable and a work folder; a seed (drawn and printed where none is given).
Goes out: a table as check_parity.py's, a row more a checkpoint and search by name from a Hugging Face cache, one from
pytorch_model.bin by way of `switch-gen convert`, and for mended checkpoints one of the numpy program against transformers. Exit 1 on a difference, and where the
warnings are not exactly those that shapes_family.json says.
Holds: names, types, files, config.json with its errors are those of the published files as far as known; sizes are tiny.
Reference: transformers; for switch-c-2048 transformers on a mended copy; for gated experts and for a decoder deeper than
the encoder the numpy program (family.py).

    check_family.py [--program SWITCH_GEN] [--work DIR] [--seed N] [--quick] [--only NAME]

--quick: every fifth of the 25 prompts.
"""

import argparse
import hashlib
import os
import secrets
import shutil
import sys
from pathlib import Path

import check_parity
import family
import make_checkpoint
import make_fixtures
import reference


def check_warnings(executable, model, shape, prompts):
    """What is said on stderr about the model: each expected warning once, and no other."""
    text = prompts.read_text(encoding="utf-8").splitlines()[0]
    done = check_parity.run([executable, "fill", "--model", model, "--max-new-tokens", "2", text])
    lines = [line for line in done.stderr.decode().splitlines() if "warning" in line]
    expected = shape.get("warns", [])
    tally = check_parity.Tally(Path(model).name, "", "warnings")
    tally.cases = 1
    if done.returncode == 0 and len(lines) == len(expected) and all(
        sum(part in line for line in lines) == 1 for part in expected
    ):
        tally.equal = 1
    else:
        tally.different.append((text, f"exit {done.returncode}, warnings {lines}, expected {expected}"))
    print(tally.row(), flush=True)
    return [tally]


def compare_rows(name, label, records_of, expected_of, folder):
    """One row a search: records_of(search, options, cases) against the reference's cases."""
    tallies = []
    for search in make_fixtures.SEARCHES:
        options, cases = expected_of(search)
        tally = check_parity.Tally(name, search, label)
        records = records_of(search, options, cases)
        if len(records) != len(cases):
            tally.different.append(("", f"{len(records)} records, expected {len(cases)}"))
        for record, case in zip(records, cases):
            tally.add(case["text"], record, case, search)
        print(tally.row(), flush=True)
        tallies.append(tally)
    return tallies


def numpy_records(model, cases):
    """The numpy program's answers, as records of `fill`."""
    program = family.NumpyReference(model)
    answers = [program.run(case["text"], case["options"]) for case in cases]
    return [answer | {"status": "ok", "input_tokens": len(answer["input_ids"])} for answer in answers]


def lay_in_cache(model, repository, cache):
    """A model folder as the hub's client lays it out: blobs by their sums, a snapshot of links, a ref to it."""
    place = cache / f"models--{repository.replace('/', '--')}"
    shutil.rmtree(place, ignore_errors=True)
    commit = hashlib.sha1(repository.encode()).hexdigest()
    for folder in ("blobs", "refs", f"snapshots/{commit}"):
        (place / folder).mkdir(parents=True)
    for file in sorted(model.iterdir()):
        blob = place / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        shutil.copyfile(file, blob)
        (place / "snapshots" / commit / file.name).symlink_to(Path("../../blobs") / blob.name)
    (place / "refs" / "main").write_text(commit, encoding="ascii")


def convert(executable, source, target):
    shutil.rmtree(target, ignore_errors=True)
    done = check_parity.run([executable, "convert", source, target])
    if done.returncode != 0:
        raise SystemExit(f"convert {source}: exit {done.returncode}\n{done.stderr.decode()}")


def check_shape(executable, name, shape, seed, folder, can_convert, every):
    model = folder / name
    prompts = reference.read_prompts(make_fixtures.CHECKPOINTS / "prompts.txt")[::every]
    prompt_path = folder / f"{name}.txt"
    prompt_path.write_text("\n".join(prompts) + "\n", encoding="utf-8")
    load = family.loader(shape)
    make_checkpoint.make(shape, seed, model)

    def expected_of(search):
        options = make_fixtures.search_options(shape, search)
        return options, check_parity.expectations(model, prompts, search, options, folder, True, load)[0]

    tallies = check_warnings(executable, model, shape, prompt_path)
    tallies += check_parity.check_model(
        executable, model, prompts, lambda search: make_fixtures.search_options(shape, search), folder, True, load
    )
    if shape.get("reference") == "mended":
        tallies += compare_rows(name, "numpy", lambda _, __, cases: numpy_records(model, cases), expected_of, folder)
    lay_in_cache(model, f"google/{name}", folder / "hub")
    os.environ["HF_HUB_CACHE"] = str(folder / "hub")

    def cached_records(search, options, _):
        return check_parity.fill(executable, f"google/{name}", prompt_path, search, "native", options)

    tallies += compare_rows(name, "hub", cached_records, expected_of, folder)
    if can_convert:
        make_checkpoint.make(shape, seed, folder / f"{name}.bin", binary=True)
        converted = folder / f"{name}.converted"
        convert(executable, folder / f"{name}.bin", converted)

        def converted_records(search, options, _):
            return check_parity.fill(executable, converted, prompt_path, search, "native", options)

        tallies += compare_rows(name, "bin", converted_records, expected_of, folder)
    return tallies


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", type=Path, default=check_parity.ROOT / "build" / "release" / "switch-gen")
    parser.add_argument("--work", type=Path, default=check_parity.ROOT / "build" / "parity")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", help="one shape of shapes_family.json")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    reference.check_version()
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    executable = arguments.program.resolve()
    folder = arguments.work / f"family-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    can_convert = check_parity.run([executable, "convert", "--help"]).returncode == 0
    print(f"seed {seed} (repeat with --seed {seed})")
    if not can_convert:
        print("NOT COMPARED from pytorch_model.bin: this switch-gen has no convert")
    tallies = []
    for number, (name, shape) in enumerate(make_checkpoint.load_shapes("shapes_family.json").items()):
        if arguments.only in (None, name):
            tallies += check_shape(executable, name, shape, seed + number, folder, can_convert,
                                   5 if arguments.quick else 1)
    sys.exit(0 if check_parity.report(tallies) else 1)


if __name__ == "__main__":
    main()
