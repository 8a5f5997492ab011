#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare convert with torch and the package safetensors: what torch.save wrote and what --dtype makes of it.

    check_convert.py [--program SWITCH_GEN] [--seed N] [--rounds N]

Comes in: random state dicts of several kinds (shared storages, views, Parameters, every type, shards), and the small
checkpoints of tests/fixtures as .bin files.
Holds: names, types, shapes and bytes are equal; with --dtype they are those of torch's own .to(); a file's header
and data lie as safetensors.torch.save_file lays them; a converted checkpoint fills prompts with the same ids and
log-probabilities as the one it came from. Exit code: 0 equal, 1 not. The seed is printed.
"""

import argparse
import collections
import json
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import safetensors.torch
import torch

ROOT = Path(__file__).resolve().parents[2]
FLOATS = [torch.float32, torch.float16, torch.bfloat16, torch.float64]
OTHERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
ROUNDED = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def random_tensor(rng, dtype):
    shape = [rng.choice([0, 1, 1, 2, 3, 5, 17]) for _ in range(rng.randrange(0, 4))]
    if dtype.is_floating_point:
        return (torch.randn(shape, dtype=torch.float64) * 10.0 ** rng.randrange(-8, 3)).to(dtype)
    return torch.randint(0, 2 if dtype == torch.bool else 100, shape).to(dtype)


def random_view(rng, tensor):
    """Another view of the same storage; a view of little, so that all of them stay below the bound."""
    if tensor.dim() >= 2 and rng.random() < 0.5:
        tensor = tensor.transpose(0, tensor.dim() - 1)
    if tensor.dim() >= 1 and tensor.shape[0] > 1:
        begin = rng.randrange(tensor.shape[0])
        tensor = tensor[begin :: rng.randrange(1, 3)]
    return tensor


def random_state(rng):
    state = collections.OrderedDict() if rng.random() < 0.5 else {}
    for i in range(rng.randrange(1, 30)):
        tensor = random_tensor(rng, rng.choice(FLOATS + FLOATS + OTHERS))
        if rng.random() < 0.3 and tensor.dtype.is_floating_point:
            tensor = torch.nn.Parameter(tensor, requires_grad=rng.random() < 0.5)
        if rng.random() < 0.3:
            tensor = random_view(rng, tensor)
        state[f"layer.{i}.{rng.choice('abcdef')}"] = tensor
        if rng.random() < 0.2:
            state[f"view.{i}"] = random_view(rng, tensor)
    names = list(state)
    rng.shuffle(names)
    return type(state)((name, state[name]) for name in names)


def save(folder, state, rng):
    names = list(state)
    if len(names) < 2 or rng.random() < 0.5:
        torch.save(state, folder / "pytorch_model.bin")
        return
    parts = [names[: len(names) // 2], names[len(names) // 2 :]]
    weight_map = {}
    for number, part in enumerate(parts, 1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: state[name] for name in part}, folder / file)
        weight_map.update(dict.fromkeys(part, file))
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def convert(program, source, target, *options):
    done = subprocess.run([program, "convert", source, target, "-q", *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"convert {source} {options}: exit {done.returncode}: {done.stderr}")


def load(folder):
    return {name: tensor for file in sorted(folder.glob("*.safetensors"))
            for name, tensor in safetensors.torch.load_file(file).items()}


def same(left, right):
    """Bit for bit, but that a NaN is a NaN."""
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype.is_floating_point:
        return torch.equal(left.nan_to_num(12345.0), right.nan_to_num(12345.0))
    return torch.equal(left, right)


def compare(state, folder, dtype=None):
    found = load(folder)
    assert set(found) == set(state), (set(found) ^ set(state))
    for name, tensor in state.items():
        expected = tensor.detach().contiguous()
        if dtype is not None and expected.dtype.is_floating_point:
            # torch rounds a double to 16 bits by way of a float32, that is twice; convert rounds once.
            if expected.dtype == torch.float64 and dtype != torch.float32:
                assert found[name].dtype == dtype
                assert torch.allclose(found[name].double(), expected, rtol=2.0**-8, atol=2.0**-24)
                continue
            expected = expected.to(dtype)
        assert same(found[name], expected), name


def header(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert length % 8 == 0
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def compare_layout(state, folder, scratch):
    """The same order of keys, the same offsets, the same data as the package writes."""
    package = scratch / "package.safetensors"
    safetensors.torch.save_file({n: t.detach().clone().contiguous() for n, t in state.items()}, package)
    ours, our_data = header(folder / "model.safetensors")
    theirs, their_data = header(package)
    ours.pop("__metadata__")
    theirs.pop("__metadata__", None)
    assert list(ours.items()) == list(theirs.items())
    assert our_data == their_data


def check_states(program, scratch, seed, rounds):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    for number in range(rounds):
        state = random_state(rng)
        source = scratch / f"in-{number}"
        source.mkdir()
        save(source, state, rng)
        targets = [scratch / f"out-{number}-{i}" for i in range(3)]
        convert(program, source, targets[0])
        compare(state, targets[0])
        compare_layout(state, targets[0], scratch)
        convert(program, source, targets[1], "--max-shard-size", str(rng.choice([1, 100, 1000])))
        compare(state, targets[1])
        name = rng.choice(list(ROUNDED))
        convert(program, source, targets[2], "--dtype", name)
        compare(state, targets[2], ROUNDED[name])
        for folder in [source, *targets]:
            shutil.rmtree(folder)
    print(f"{rounds} state dicts: equal")


def fill(program, model, prompts):
    done = subprocess.run([program, "-m", model, "-f", prompts, "--format", "jsonl", "--token-scores"],
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_checkpoints(program, scratch):
    fixtures = ROOT / "tests/fixtures/checkpoints"
    count = 0
    for model in sorted(p.parent for p in fixtures.glob("*/config.json")):
        source, target = scratch / f"{model.name}-bin", scratch / f"{model.name}-st"
        source.mkdir()
        state = load(model)
        embedding = state.get("shared.weight")
        for name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
            if name not in state and embedding is not None and not json.loads((model / "config.json").read_text()).get("tie_word_embeddings") is False:
                state[name] = embedding
        torch.save(state, source / "pytorch_model.bin")
        for file in model.iterdir():
            if file.suffix in (".json", ".model") and not file.name.endswith(".index.json"):
                shutil.copy(file, source)
        convert(program, source, target)
        prompts = fixtures / "prompts.txt"
        assert fill(program, target, prompts) == fill(program, model, prompts), model.name
        count += 1
    assert count > 10
    print(f"{count} checkpoints: same ids and log-probabilities from .bin files")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "build/release/switch-gen", type=Path)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as scratch:
        check_states(arguments.program, Path(scratch), arguments.seed, arguments.rounds)
        check_checkpoints(arguments.program, Path(scratch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
