#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/fixtures/torch: small files as torch.save writes them, of every form that convert must read or
refuse, each with what it holds as expected.safetensors.

    make_torch_files.py [FOLDER]

Run with the Python of tools/reference/setup. torch's own writer makes the files, but for torch-1.13/, whose
records are put together here as that version lays them out: no byteorder, no .data/, folder "archive"."""

import collections
import json
import pathlib
import struct
import sys
import zipfile
import zlib

import safetensors.torch
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]


def random(seed, *shape, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def views():
    """Shared storages, views with offsets, non-contiguous tensors, Parameters, all float types, odd shapes."""
    base = random(1, 6, 8)
    three = random(2, 3, 4, 5, dtype=torch.bfloat16)
    state = collections.OrderedDict()
    state["base"] = base
    state["alias"] = base
    state["transposed"] = base.t()
    state["rows"] = base[2:5]
    state["column"] = base[:, 3]
    state["block"] = base[1:4, 2:7:2]
    state["parameter"] = torch.nn.Parameter(random(3, 7))
    state["frozen"] = torch.nn.Parameter(random(4, 2, 2, dtype=torch.float16), requires_grad=False)
    state["permuted"] = three.permute(2, 0, 1)
    state["scalar"] = torch.tensor(1.5)
    state["empty"] = torch.empty(0, 3)
    state["one_by_one"] = random(5, 1, 1)
    state["double"] = random(6, 3, dtype=torch.float64)
    state["whole"] = torch.arange(-3, 4)
    state["bytes"] = torch.arange(5, dtype=torch.uint8)
    state["truth"] = torch.tensor([True, False, True])
    state["ünïcode"] = random(7, 2)
    return state


def module():
    """A module's own state dict: an OrderedDict that carries _metadata."""
    torch.manual_seed(8)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 2)).state_dict()


def tied():
    shared = random(9, 5, 4)
    return {"encoder.embed_tokens.weight": shared, "shared.weight": shared, "lm_head.weight": shared,
            "other.weight": random(10, 2, 2)}


def shards():
    state = {f"layer.{i}.weight": random(20 + i, 3, i + 2) for i in range(6)}
    state["layer.5.bias"] = random(30, 4, dtype=torch.bfloat16)
    return state


def write_expected(folder, state):
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}
    safetensors.torch.save_file(tensors, folder / "expected.safetensors")


def old_record(out, entries, name, data, alignment=64):
    """One record as torch's writer lays it out: sizes behind the data, the data on a multiple of 64."""
    name = name.encode()
    offset = len(out)
    start = offset + 30 + len(name) + 4
    padding = -start % alignment
    extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    crc = zlib.crc32(data)
    flags = 0x0808 if data else 0x0800
    out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 0, flags, 0, 0, 0, 0, 0, 0, len(name), len(extra)) + name + extra
    out += data
    if data:
        out += struct.pack("<IIII", 0x08074B50, crc, len(data), len(data))
    entries.append(struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 0, 0, flags, 0, 0, 0, crc, len(data), len(data),
                               len(name), 0, 0, 0, 0, 0, offset) + name)


def write_old_zip(source, target):
    """What torch 1.13 writes for the state dict of the file `source`: its records, fewer and in its folder."""
    out, entries = bytearray(), []
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            below = name.split("/", 1)[1]
            if below in ("data.pkl", "version") or below.startswith("data/"):
                old_record(out, entries, "archive/" + below, archive.read(name))
    directory = b"".join(entries)
    begin = len(out)
    end64 = begin + len(directory)
    out += directory
    out += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x031E, 45, 0, 0, len(entries), len(entries), len(directory), begin)
    out += struct.pack("<IIQI", 0x07064B50, 0, end64, 1)
    out += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(entries), len(entries), len(directory), begin, 0)
    target.write_bytes(out)
    check = torch.load(target, weights_only=True)
    assert len(check) > 0


def write_shards(folder, state):
    names = list(state)
    weight_map = {}
    for number, part in enumerate((names[:4], names[4:]), 1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: state[name] for name in part}, folder / file)
        weight_map.update({name: file for name in part})
    index = {"metadata": {"total_size": sum(t.numel() * t.element_size() for t in state.values())}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/fixtures/torch"
    folders = {name: root / name for name in ("views", "module", "tied", "shards", "torch-1.13", "legacy", "script")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    for name, state in (("views", views()), ("module", module()), ("tied", tied())):
        torch.save(state, folders[name] / "pytorch_model.bin")
        write_expected(folders[name], state)
    write_old_zip(folders["views"] / "pytorch_model.bin", folders["torch-1.13"] / "pytorch_model.bin")
    write_expected(folders["torch-1.13"], views())
    write_shards(folders["shards"], shards())
    write_expected(folders["shards"], shards())
    torch.save(module(), folders["legacy"] / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(folders["script"] / "pytorch_model.bin"))


if __name__ == "__main__":
    main()
