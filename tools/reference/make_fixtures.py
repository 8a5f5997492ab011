#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make everything under tests/ that comes from the reference: checkpoints, their expectations, stage tensors.

Comes in: shapes.json, shapes_family.json, the prompts in tests/fixtures/checkpoints/prompts.txt, the vocabularies.
Goes out: tests/fixtures/checkpoints/NAME/ with expected-greedy.jsonl and expected-beam4.jsonl, for every shape;
tests/fixtures/stages/NAME.safetensors for two of them; tests/fixtures/family/NAME/ likewise for the published layouts that
have a "fixture", with the fewer experts that it says.
Holds: all checkpoints of shapes.json together stay below 4 MB (T5's vocabulary not counted), those of the family below
1.5 MB with their expectations; a shape that should drop tokens does.

    make_fixtures.py [NAME...]        all, or the named ones
"""

import sys
from collections import Counter

import family
import make_checkpoint
import reference
import write_stages

CHECKPOINTS = make_checkpoint.FIXTURES / "checkpoints"
STAGES = make_checkpoint.FIXTURES / "stages"
FAMILY = make_checkpoint.FIXTURES / "family"
LIMIT = 4_000_000
FAMILY_LIMIT = 1_500_000
SEARCHES = {
    "greedy": {"num_beams": 1, "num_return_sequences": 1},
    "beam4": {"num_beams": 4, "num_return_sequences": 4},
}
MAX_NEW_TOKENS = 16
STAGE_SHAPES = ("every-layer", "odd-3")
# Long enough that the encoder of both drops tokens.
STAGE_TEXT = "The cat saw the dog, the dog saw the cat, and the <extra_id_0> saw <extra_id_1> in the harbour at last."


def search_options(shape, search):
    """Settings of a search on a shape: outputs are kept short where the shape does not say how long they are."""
    own = {**shape.get("config", {}), **(shape.get("generation_config") or {})}
    if "max_length" in own or "max_new_tokens" in own:
        return SEARCHES[search]
    return {**SEARCHES[search], "max_new_tokens": MAX_NEW_TOKENS}


def describe(cases):
    """One line on how lively the outputs are."""
    lengths = [len(case["ids"]) for case in cases]
    distinct = sum(len(set(case["ids"])) for case in cases) / sum(lengths)
    last = Counter(case["ids"][-1] for case in cases).most_common(1)[0]
    near = sum(min(case["margins"]) < 1e-4 for case in cases)
    drops = sum(case["dropped_tokens"] for case in cases)
    return (
        f"{sum(lengths)} tokens, {distinct:.2f} distinct, ends in {last[0]} {last[1]} times,"
        f" {near} with a near tie, {drops} dropped"
    )


def make(name, shape, seed, parent=CHECKPOINTS):
    folder = parent / name
    make_checkpoint.make(shape, seed, folder, link_vocabulary=True)
    model = family.loader(shape)(folder)
    prompts = reference.read_prompts(CHECKPOINTS / "prompts.txt")
    for search in SEARCHES:
        options = search_options(shape, search)
        cases = reference.write_expectations(model, prompts, options, folder / f"expected-{search}.jsonl")
        print(f"{name} {search}: {describe(cases)}", flush=True)
    if shape.get("needs_drops") and not sum(case["dropped_tokens"] for case in cases):
        raise SystemExit(f"{name}: no token was dropped")
    if name in STAGE_SHAPES:
        STAGES.mkdir(parents=True, exist_ok=True)
        write_stages.write(model, STAGE_TEXT, STAGES / f"{name}.safetensors")


def make_family(names):
    """The published layouts, and their size."""
    for seed, (name, shape) in enumerate(make_checkpoint.load_shapes("shapes_family.json").items(), 101):
        if "fixture" in shape and (not names or name in names):
            make(name, shape | shape["fixture"], seed, FAMILY)
    size = sum(path.stat().st_size for path in FAMILY.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"the family: {size} bytes")
    if size > FAMILY_LIMIT:
        raise SystemExit(f"the family's checkpoints take more than {FAMILY_LIMIT} bytes")


def total_size(expectations):
    """Bytes of the checkpoints (with the tiny vocabulary), or of their expectation files."""
    files = [path for path in CHECKPOINTS.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files if (path.suffix == ".jsonl") == expectations)
    return size if expectations else size + (make_checkpoint.VOCABULARIES["tiny"] / "spiece.model").stat().st_size


def main():
    shapes = make_checkpoint.load_shapes()
    for number, (name, shape) in enumerate(shapes.items(), 1):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            make(name, shape, number)
    make_family(sys.argv[1:])
    size = total_size(expectations=False)
    print(f"checkpoints and the tiny vocabulary: {size} bytes; expectations: {total_size(expectations=True)} bytes")
    if size > LIMIT:
        raise SystemExit(f"the checkpoints take more than {LIMIT} bytes")


if __name__ == "__main__":
    main()
