# SPDX-License-Identifier: Apache-2.0
"""References for the checkpoints of shapes_family.json that transformers cannot run as they are published.

Comes in: a model folder.
Goes out: an object that answers like reference.Reference: from the numpy program, or from transformers on a mended copy.
Holds: what is written down is of the published folder; the copy is only for the library to read.
"""

import shutil
import tempfile
from pathlib import Path

import make_checkpoint
import numpy as np
import numpy_reference
import reference
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, GenerationConfig, T5Tokenizer


def mend(source, target):
    """A copy of a checkpoint like google/switch-c-2048 that the library reads as it was meant: as many decoder blocks as
    there are tensors of, all sparse, untied, the head and the embeddings under the names that its class has."""
    source, target = Path(source), Path(target)
    weights = {}
    for file in sorted(source.glob("*.safetensors")):
        weights |= load_file(file)
    weights["lm_head.weight"] = weights.pop("decoder.lm_head.weight")
    for stack in ("encoder", "decoder"):
        weights[f"{stack}.embed_tokens.weight"] = weights["shared.weight"].clone()
    config = numpy_reference.read_json(source / "config.json")
    for stack, layers in (("encoder", "num_layers"), ("decoder", "num_decoder_layers")):
        blocks = {int(name.split(".")[2]) for name in weights if name.startswith(f"{stack}.block.")}
        config |= {layers: len(blocks), f"num_sparse_{stack}_layers": len(blocks), f"{stack}_sparse_step": 1}
    config["tie_word_embeddings"] = False
    target.mkdir(parents=True, exist_ok=True)
    make_checkpoint.write_json(target / "config.json", config)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    for name in ("generation_config.json", "spiece.model", "tokenizer_config.json"):
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)


def mended_reference(folder):
    """transformers on a mended copy."""
    with tempfile.TemporaryDirectory() as copy:
        mend(folder, copy)
        result = reference.Reference(copy)
    result.folder = Path(folder)
    result.made_by += ", on a mended copy (tools/reference/family.py)"
    return result


class NumpyReference(reference.Reference):
    """The numpy program, with the library's tokenizer and its resolution of settings."""

    def __init__(self, folder):
        reference.check_version()
        self.folder = Path(folder)
        self.made_by = f"tools/reference/numpy_reference.py, numpy {np.__version__}, float32"
        self.model = numpy_reference.Model(folder)
        self.tokenizer = T5Tokenizer.from_pretrained(self.folder)
        if (self.folder / "generation_config.json").exists():
            own = GenerationConfig.from_pretrained(self.folder)
        else:
            own = GenerationConfig.from_model_config(AutoConfig.from_pretrained(self.folder))
        self.own_settings = own.to_diff_dict()

    def run(self, text, options):
        settings = self.settings(text, options)
        ends = self.end_tokens(text, settings)
        input_ids = self.tokenizer(text).input_ids
        margins = Margins(settings)
        found = numpy_reference.generate(
            self.model, input_ids, settings["decoder_start_token_id"], ends, settings, margins.observe
        )
        hypotheses = [self._hypothesis(hypothesis) for hypothesis in found]
        case = {"text": text, "options": settings, "input_ids": input_ids, **hypotheses[0]}
        case["margins"] = [reference.float32(min(margin, reference.FAR)) for margin in margins.all()]
        case["dropped_tokens"] = self.model.dropped_by_encoder
        if settings["num_return_sequences"] > 1:
            case["candidates"] = hypotheses
        return case

    def _hypothesis(self, hypothesis):
        score = hypothesis["score"]
        return {
            "ids": hypothesis["ids"],
            "raw": self.tokenizer.decode(hypothesis["ids"]),
            "logprob": reference.float32(hypothesis["logprob"]),
            "score": None if score is None else reference.float32(score),
        }


class Margins:
    """How near each choice of the numpy program was, by the rules of README.md."""

    def __init__(self, settings):
        self.width, self.penalty = settings["num_beams"], settings["length_penalty"]
        self.returned, self.early = settings["num_return_sequences"], settings["early_stopping"]
        self.steps, self.final = [], []

    def observe(self, seen):
        if self.width == 1:
            self.steps += reference.greedy_margins([torch.from_numpy(seen[None])])
            return
        live = [pair for pair in seen["candidates"] if pair[0] > reference.UNFILLED]
        margin = reference.running_margin(live, self.width)
        slots = [float(score) for score, _ in seen["slots"]]
        if seen["was_open"] and not (self.early is True and len(slots) == self.width):
            worst = slots[-1] if len(slots) == self.width else -reference.FAR
            margin = min(margin, reference.finishing_margin(live, self.width, seen["length"] ** self.penalty, worst))
        contenders = [float(score) for score, _ in seen["contenders"]]
        if len(contenders) > self.width:
            margin = min(margin, contenders[self.width - 1] - contenders[self.width])
        if seen["was_open"] and len(seen["finished"]) == self.width and self.early is not True and seen["best"] is not None:
            margin = min(margin, abs(float(seen["best"]) - float(seen["finished"][-1][0])))
        self.final = [float(score) for score, _ in seen["finished"]]
        self.steps.append(margin)

    def all(self):
        if self.width == 1:
            return self.steps
        pairs = list(zip(self.final, self.final[1:]))[: self.returned]
        return [*self.steps, min((a - b for a, b in pairs), default=reference.FAR)]


def loader(shape):
    """Who is the reference of a shape."""
    return {"transformers": reference.Reference, "mended": mended_reference, "numpy": NumpyReference}[
        shape.get("reference", "transformers")
    ]
