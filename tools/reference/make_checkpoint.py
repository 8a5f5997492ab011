#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make a small random checkpoint of the family: Switch, T5 or gated T5, of any shape.

Comes in: a shape (a JSON object, or the name of one in shapes.json or shapes_family.json) and a seed.
Goes out: a model folder as transformers, or the hub's converter, would save it: config.json, safetensors (one file or
shards with an index), spiece.model, tokenizer_config.json and, where the shape asks for it, generation_config.json; with
--bin pytorch_model.bin (one file or shards with an index) instead of safetensors.
Holds: the same shape and seed give the same bytes; every tensor is drawn by itself from (seed, its name), so that
a change of one tensor leaves the others alone.

    make_checkpoint.py --shape every-layer --seed 7 OUT
    make_checkpoint.py --json '{"d_model": 20, "num_experts": 5, "expert_capacity": 2}' OUT
"""

import argparse
import json
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "tests" / "fixtures"
VOCABULARIES = {"tiny": FIXTURES / "tiny", "t5": FIXTURES / "t5"}
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}

# What a shape may say, and what holds where it is silent.
DEFAULTS = {
    "kind": "switch",  # switch, t5, t5-gated
    "vocabulary": "tiny",  # whose spiece.model: tiny or t5
    "vocab_size": 231,  # rows of the embedding; the tiny vocabulary has 200 pieces and 20 sentinels
    "extra_ids": 20,
    "d_model": 32,
    "d_kv": 8,
    "num_heads": 4,
    "d_ff": 48,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_sparse_encoder_layers": 1,
    "num_sparse_decoder_layers": 1,
    "encoder_sparse_step": None,  # None: absent from config.json, so computed
    "decoder_sparse_step": None,
    "num_experts": 4,
    "expert_capacity": 64,
    "router_bias": False,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "layer_norm_epsilon": 1e-6,
    "activation": "relu",
    "tie_word_embeddings": True,
    "lm_head": None,  # None: as the kind needs; true: one of its own; false: none
    "own_embeddings": False,  # encoder and decoder embed with tables of their own, unlike shared.weight
    "duplicates": False,  # old checkpoints: four equal copies, and a cross-attention bias that nobody reads
    "gated": False,  # Switch with wi_0 and wi_1, as switch-xxl-128
    "head_name": "lm_head.weight",  # switch-c-2048 and -xxl-128 have decoder.lm_head.weight
    "cross_bias": False,  # the cross-attention bias that nobody reads, without the other duplicates
    "hub": False,  # the layout of published files: see `hub_tables`
    "dtype": "f32",  # f32, bf16, f16, mixed (all three), or f32-bf16 (norms and routers in f32)
    "shards": 1,
    "index": False,  # an index even where there is one file only
    "eos_boost": 1.6,  # length of the row of </s> against the others: how often it wins
    "residual": 1.0,  # factor on what a sublayer adds: deep random stacks amplify the noise of float32 without it
    "config": {},  # further fields of config.json, true of the tensors or not
    "config_without": [],  # fields that config.json lacks
    "published": False,  # the fields without effect that published files have
    "generation_config": None,  # content of generation_config.json, or null for no such file
}


# Fields of published files that have no effect on what is computed.
PUBLISHED_SWITCH = {
    "add_router_probs": False,
    "batch_prioritized_routing": False,
    "feed_forward_proj": "relu",
    "is_gated_act": False,
    "num_selected_experts": 1,
    "output_past": True,
    "router_aux_loss_coef": 0.001,
    "router_type": "tokens_masked",
    "router_z_loss_coef": 0.001,
    "transformers_version": "4.25.0.dev0",
}
PUBLISHED_T5 = {
    "n_positions": 512,
    "output_past": True,
    "task_specific_params": {
        "summarization": {"early_stopping": True, "length_penalty": 2.0, "max_length": 200, "min_length": 30,
                          "no_repeat_ngram_size": 3, "num_beams": 4, "prefix": "summarize: "},
        "translation_en_to_de": {"early_stopping": True, "max_length": 300, "num_beams": 4,
                                 "prefix": "translate English to German: "},
    },
    "transformers_version": "4.23.1",
}
# What a shape says for others than this program.
ABOUT = {"name", "why", "committed", "needs_drops", "fixture", "reference", "warns"}


def resolve(shape):
    """The shape with its defaults; an unknown field is an error."""
    unknown = sorted(set(shape) - set(DEFAULTS) - ABOUT)
    if unknown:
        raise SystemExit(f"unknown field of a shape: {', '.join(unknown)}")
    return {**DEFAULTS, **shape}


def is_gated(s):
    return s["kind"] == "t5-gated" or s["gated"]


def sparse_step(layers, sparse, override):
    if override is not None:
        return override
    return layers // sparse if sparse > 0 else layers


def sparse_pattern(s, stack):
    """Which blocks of `stack` are sparse (semantics of SwitchTransformersStack, transformers 5.23.0)."""
    layers = s["num_layers"] if stack == "encoder" else s["num_decoder_layers"]
    if s["kind"] != "switch":
        return [False] * layers
    step = sparse_step(layers, s[f"num_sparse_{stack}_layers"], s[f"{stack}_sparse_step"])
    return [step > 0 and (step == 1 or i % step == 1) for i in range(layers)]


def config_json(s):
    config = {
        "vocab_size": s["vocab_size"],
        "d_model": s["d_model"],
        "d_kv": s["d_kv"],
        "d_ff": s["d_ff"],
        "num_layers": s["num_layers"],
        "num_decoder_layers": s["num_decoder_layers"],
        "num_heads": s["num_heads"],
        "relative_attention_num_buckets": s["relative_attention_num_buckets"],
        "relative_attention_max_distance": s["relative_attention_max_distance"],
        "layer_norm_epsilon": s["layer_norm_epsilon"],
        "dropout_rate": 0.1,
        "initializer_factor": 1.0,
        "is_encoder_decoder": True,
        "use_cache": True,
        "tie_word_embeddings": s["tie_word_embeddings"],
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }
    if s["kind"] == "switch":
        config |= {
            "architectures": ["SwitchTransformersForConditionalGeneration"],
            "model_type": "switch_transformers",
            "dense_act_fn": s["activation"],
            "num_sparse_encoder_layers": s["num_sparse_encoder_layers"],
            "num_sparse_decoder_layers": s["num_sparse_decoder_layers"],
            "num_experts": s["num_experts"],
            "expert_capacity": s["expert_capacity"],
            "router_bias": s["router_bias"],
            "router_dtype": "float32",
            "router_ignore_padding_tokens": False,
            "router_jitter_noise": 0.01,
        }
        for stack in ("encoder", "decoder"):
            if s[f"{stack}_sparse_step"] is not None:
                config[f"{stack}_sparse_step"] = s[f"{stack}_sparse_step"]
    else:
        config |= {
            "architectures": ["T5ForConditionalGeneration"],
            "model_type": "t5",
            "feed_forward_proj": ("gated-" if is_gated(s) else "") + s["activation"],
        }
    if s["published"]:
        config |= PUBLISHED_SWITCH if s["kind"] == "switch" else PUBLISHED_T5
    if s["dtype"] in DTYPES:
        dtype = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}[s["dtype"]]
        config["torch_dtype" if s["published"] else "dtype"] = dtype
    config |= s["config"]
    return {name: value for name, value in config.items() if name not in s["config_without"]}


def feed_forward_shapes(s, prefix, sparse):
    up, down = [s["d_ff"], s["d_model"]], [s["d_model"], s["d_ff"]]
    if s["kind"] != "switch":
        names = ["wi_0", "wi_1"] if is_gated(s) else ["wi"]
        shapes = {f"{prefix}.DenseReluDense.{name}.weight": up for name in names}
        return shapes | {f"{prefix}.DenseReluDense.wo.weight": down}
    parts = {"wi_0": up, "wi_1": up, "wo": down} if is_gated(s) else {"wi": up, "wo": down}
    if not sparse:
        return {f"{prefix}.mlp.{part}.weight": shape for part, shape in parts.items()}
    shapes = {f"{prefix}.mlp.router.classifier.weight": [s["num_experts"], s["d_model"]]}
    if s["router_bias"]:
        shapes[f"{prefix}.mlp.router.classifier.bias"] = [s["num_experts"]]
    for n in range(s["num_experts"]):
        shapes |= {f"{prefix}.mlp.experts.expert_{n}.{part}.weight": shape for part, shape in parts.items()}
    return shapes


def attention_shapes(s, prefix):
    inner = s["num_heads"] * s["d_kv"]
    shapes = {f"{prefix}.{part}.weight": [inner, s["d_model"]] for part in "qkv"}
    return shapes | {f"{prefix}.o.weight": [s["d_model"], inner]}


def tensor_shapes(s):
    """Every tensor name of the checkpoint with its shape, in the order of the file."""
    table = [s["vocab_size"], s["d_model"]]
    bias = [s["relative_attention_num_buckets"], s["num_heads"]]
    shapes = {"shared.weight": table}
    for stack in ("encoder", "decoder"):
        if s["own_embeddings"] or s["duplicates"] or f"{stack}.embed_tokens.weight" in hub_tables(s):
            shapes[f"{stack}.embed_tokens.weight"] = table
        for i, sparse in enumerate(sparse_pattern(s, stack)):
            block = f"{stack}.block.{i}"
            shapes |= attention_shapes(s, f"{block}.layer.0.SelfAttention")
            if i == 0:
                shapes[f"{block}.layer.0.SelfAttention.relative_attention_bias.weight"] = bias
            shapes[f"{block}.layer.0.layer_norm.weight"] = [s["d_model"]]
            last = 1
            if stack == "decoder":
                shapes |= attention_shapes(s, f"{block}.layer.1.EncDecAttention")
                if i == 0 and (s["duplicates"] or s["cross_bias"]):
                    shapes[f"{block}.layer.1.EncDecAttention.relative_attention_bias.weight"] = bias
                shapes[f"{block}.layer.1.layer_norm.weight"] = [s["d_model"]]
                last = 2
            shapes |= feed_forward_shapes(s, f"{block}.layer.{last}", sparse)
            shapes[f"{block}.layer.{last}.layer_norm.weight"] = [s["d_model"]]
        shapes[f"{stack}.final_layer_norm.weight"] = [s["d_model"]]
    if has_head(s) or "lm_head.weight" in hub_tables(s):
        shapes[s["head_name"]] = table
    return shapes


def hub_tables(s):
    """The names that share the values of shared.weight in a published checkpoint: as the class's own state has them. A
    .bin holds them all, once for each shard; safetensors of the hub's converter the first of each shard only, though
    their index lists them all."""
    if not s["hub"]:
        return []
    embeddings = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]
    return embeddings + (["lm_head.weight"] if s["tie_word_embeddings"] and not has_head(s) else [])


def has_head(s):
    if s["lm_head"] is not None:
        return s["lm_head"] or s["duplicates"]
    return s["duplicates"] or (s["kind"] == "switch" and not s["tie_word_embeddings"])


def output_spread(s):
    """Standard deviation of the final norm's weight that gives logits of about 2.5."""
    unscaled = not s["tie_word_embeddings"] or s["head_name"] == "decoder.lm_head.weight"
    return 2.5 / (s["d_model"] ** 0.5 if unscaled else 1.0)


def draw(s, name, shape, seed):
    """Random values of one tensor. The scales keep every part of the model in play: attention is not flat, experts
    differ, the router decides clearly, and the final norm leans to the negative, so that a tied model does not
    simply repeat its last token."""
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = random.standard_normal(shape)
    fan_in = shape[-1]
    if name == "decoder.final_layer_norm.weight":
        return (values - 0.6) * output_spread(s)
    if name.endswith("layer_norm.weight"):
        return 1.0 + 0.2 * values
    if name.endswith("relative_attention_bias.weight"):
        return 0.7 * values
    if name == "shared.weight" or name.endswith(("lm_head.weight", "embed_tokens.weight")):
        first = sentinel_base(s)
        values[first : first + s["extra_ids"]] *= 1.0 + 0.5 * (s["eos_boost"] - 1.0)
        values[1] *= s["eos_boost"]
        return values
    if name.endswith("classifier.weight"):
        return values * 2.5 * fan_in**-0.5
    if name.endswith("classifier.bias"):
        return 0.5 * values
    if ".q." in name or ".k." in name:
        return values * (2.0 * s["d_kv"] ** -0.25) * fan_in**-0.5
    if ".o." in name and name.startswith("decoder."):
        return values * 2.5 * fan_in**-0.5 * s["residual"]
    if ".wo." in name or ".o." in name:
        return values * 2.0 * fan_in**-0.5 * s["residual"]
    return values * 1.3 * fan_in**-0.5


def sentinel_base(s):
    """Id of the first sentinel row: the number of pieces of the vocabulary."""
    return {"tiny": 200, "t5": 32000}[s["vocabulary"]]


def stored_dtype(s, index, name):
    if s["dtype"] == "f32-bf16":
        return torch.float32 if "norm" in name or "router" in name else torch.bfloat16
    if s["dtype"] == "mixed":
        return (torch.float32, torch.bfloat16, torch.float16)[index % 3]
    return DTYPES[s["dtype"]]


def tensors(s, seed):
    result = {}
    for index, (name, shape) in enumerate(tensor_shapes(s).items()):
        values = torch.from_numpy(draw(s, name, shape, seed).astype(np.float32))
        result[name] = values.to(stored_dtype(s, index, name)).contiguous()
    if s["duplicates"]:
        for copy in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"):
            result[copy] = result["shared.weight"].clone()
    for alias in hub_tables(s):
        result[alias] = result["shared.weight"]
    return result


def split(s, weights):
    """The tensors of each file, in order: about the same number of bytes in each."""
    total = sum(tensor.nbytes for tensor in weights.values())
    parts, part, filled = [], {}, 0
    for name, tensor in weights.items():
        part[name] = tensor
        filled += tensor.nbytes
        if filled >= total * (len(parts) + 1) / s["shards"]:
            parts.append(part)
            part = {}
    return parts + ([part] if part else [])


def without_aliases(part):
    """A file's tensors as the hub's converter leaves them: one of the names that share a storage, and the metadata
    that names the others."""
    kept, metadata, first = {}, {"format": "pt"}, {}
    for name, tensor in part.items():
        if tensor.data_ptr() in first:
            metadata[name] = first[tensor.data_ptr()]
        else:
            first[tensor.data_ptr()] = name
            kept[name] = tensor
    return kept, metadata


def sort_metadata(path):
    """The library writes metadata in any order; the same input must give the same bytes."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode().ljust(size)
    assert len(text) == size
    path.write_bytes(data[:8] + text + data[8 + size :])


def save_weights(s, weights, folder, binary=False):
    """safetensors, or `binary`: what torch.save writes."""
    parts = split(s, weights)
    stem, end = ("pytorch_model", "bin") if binary else ("model", "safetensors")
    single = len(parts) == 1 and not s["index"]
    weight_map = {}
    for number, part in enumerate(parts, 1):
        file = f"{stem}.{end}" if single else f"{stem}-{number:05d}-of-{len(parts):05d}.{end}"
        weight_map |= {name: file for name in part}
        if binary:
            torch.save(part, folder / file)
        else:
            kept, metadata = without_aliases(part)
            save_file(kept, folder / file, metadata=metadata)
            sort_metadata(folder / file)
    if not single:
        total = sum(tensor.nbytes for tensor in weights.values())
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
        write_json(folder / f"{stem}.{end}.index.json", index, indent=4 if s["hub"] and not binary else 2)


def write_json(path, value, indent=2):
    path.write_text(json.dumps(value, indent=indent) + "\n", encoding="utf-8")


def put_vocabulary(s, folder, link, vocabulary_folder=None):
    source = Path(vocabulary_folder or VOCABULARIES[s["vocabulary"]]) / "spiece.model"
    target = folder / "spiece.model"
    if link:
        target.symlink_to(os.path.relpath(source, folder))
    else:
        shutil.copyfile(source, target)
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "T5Tokenizer",
            "model_max_length": 512,
            "extra_ids": s["extra_ids"],
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "pad_token": "<pad>",
        },
    )


def make(shape, seed, folder, link_vocabulary=False, vocabulary_folder=None, binary=False):
    """Write the checkpoint into `folder`, which is emptied of an earlier one."""
    s = resolve(shape)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.safetensors", "*.bin", "*.json", "spiece.model"):
        for old in folder.glob(pattern):
            old.unlink()
    write_json(folder / "config.json", config_json(s))
    if s["generation_config"] is not None:
        write_json(folder / "generation_config.json", s["generation_config"])
    save_weights(s, tensors(s, seed), folder, binary)
    put_vocabulary(s, folder, link_vocabulary, vocabulary_folder)
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)


def load_shapes(file="shapes.json"):
    """The named shapes of a file, in order."""
    return {shape["name"]: shape for shape in json.loads((HERE / file).read_text(encoding="utf-8"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--shape", help="a name in shapes.json or shapes_family.json")
    parser.add_argument("--json", default="{}", help="fields of a shape, over those of --shape")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--link-vocabulary", action="store_true", help="link to spiece.model instead of copying it")
    parser.add_argument("--bin", action="store_true", help="pytorch_model.bin instead of safetensors")
    arguments = parser.parse_args()
    shapes = load_shapes() | load_shapes("shapes_family.json")
    if arguments.shape is not None and arguments.shape not in shapes:
        raise SystemExit(f"no shape {arguments.shape}; there are {', '.join(shapes)}")
    shape = {**shapes.get(arguments.shape, {}), **json.loads(arguments.json)}
    make(shape, arguments.seed, arguments.folder, arguments.link_vocabulary, binary=arguments.bin)


if __name__ == "__main__":
    main()
