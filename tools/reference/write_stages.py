#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the reference's tensors of every stage, for one text: what goes from stage to stage, by name (README.md).

Comes in: a model folder and a text. Greedy search with the cache, its settings as switch-gen takes them.
Goes out: a safetensors file, f32 and i32 only; the text and the versions in its metadata.

The end token is kept from winning, so that there are STEPS steps.

    write_stages.py MODEL TEXT OUT.safetensors
"""

import sys

import reference
import torch
from safetensors.torch import save_file

STEPS = 16  # enough for several relative buckets; keeps the file small


class Stages:
    """Collects tensors from forward hooks while the model generates."""

    def __init__(self, model):
        self.model = model
        self.tensors = {}
        self.step = -1
        self.per_step = {}
        self.handles = []
        self._watch_stack(model.encoder, "encoder", "encoder")
        self._watch_stack(model.decoder, "decoder", None)
        self.handles.append(model.decoder.register_forward_pre_hook(self._next_step, with_kwargs=True))
        self.handles.append(model.lm_head.register_forward_hook(self._logits))

    def close(self):
        for handle in self.handles:
            handle.remove()

    def _next_step(self, _module, _arguments, _keywords):
        self.step += 1

    def _logits(self, _module, _arguments, result):
        self._put(None, "logits", result[0, -1])

    def _put(self, prefix, name, value):
        if prefix is None:
            prefix = f"decoder.step.{self.step}"
        # Contiguous and owned: some results are views of a buffer that goes on to change.
        self.tensors[f"{prefix}.{name}"] = value.detach().clone().contiguous()

    def _rows(self, value):
        return value.reshape(-1, value.shape[-1])

    def _watch(self, module, prefix, name, take=lambda result: result):
        hook = lambda _module, _arguments, result: self._put(prefix, name, self._rows(take(result)))
        self.handles.append(module.register_forward_hook(hook))

    def _watch_stack(self, stack, kind, prefix):
        self._watch(stack.embed_tokens, prefix, "embedding")
        for i, block in enumerate(stack.block):
            self._watch(block.layer[0].SelfAttention, prefix, f"block.{i}.self_attention", lambda r: r[0])
            if kind == "decoder":
                self._watch(block.layer[1].EncDecAttention, prefix, f"block.{i}.cross_attention", lambda r: r[0])
            feed_forward = getattr(block.layer[-1], "mlp", None) or block.layer[-1].DenseReluDense
            if hasattr(feed_forward, "router"):
                hook = lambda _m, _a, result, i=i: self._router(prefix, i, result)
                self.handles.append(feed_forward.router.register_forward_hook(hook))
            self._watch(feed_forward, prefix, f"block.{i}.ffn")
            self._watch(block.layer[-1], prefix, f"block.{i}.hidden", lambda r: r[0] if isinstance(r, tuple) else r)
        self._watch(stack.final_layer_norm, prefix, "output")

    def _router(self, prefix, i, result):
        mask, gate, logits = result
        expert = torch.argmax(torch.softmax(logits[0], dim=-1), dim=-1)
        self._put(prefix, f"block.{i}.router.expert", expert.to(torch.int32))
        self._put(prefix, f"block.{i}.router.gate", gate[0, :, 0])
        self._put(prefix, f"block.{i}.router.kept", mask[0].sum(dim=-1).to(torch.int32))


def keep(name, last):
    """All of the encoder; of the decoder, every step's logits and all stages of the first and the last step."""
    if not name.startswith("decoder.step."):
        return True
    return name.endswith(".logits") or name.split(".")[2] in ("0", str(last))


def write(model, text, out):
    """`model`: a reference.Reference."""
    stages = Stages(model.model)
    try:
        case = model.run(text, {"num_beams": 1, "num_return_sequences": 1, "max_new_tokens": STEPS, "min_new_tokens": STEPS})
    finally:
        stages.close()
    last = stages.step
    assert last + 1 == len(case["ids"])
    tensors = {name: value for name, value in stages.tensors.items() if keep(name, last)}
    tensors["input_ids"] = torch.tensor(case["input_ids"], dtype=torch.int32)
    start = case["options"]["decoder_start_token_id"]
    tensors["decoder.input_ids"] = torch.tensor([start, *case["ids"][:-1]], dtype=torch.int32)
    tensors["output_ids"] = torch.tensor(case["ids"], dtype=torch.int32)
    metadata = {"text": text, "made_by": reference.made_by(), "made_with": "tools/reference/write_stages.py"}
    save_file(tensors, out, metadata=metadata)
    out.chmod(0o644)
    print(f"{out}: {len(tensors)} tensors, {len(case['input_ids'])} + {len(case['ids'])} tokens,"
          f" {case['dropped_tokens']} dropped", flush=True)


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    from pathlib import Path

    write(reference.Reference(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))


if __name__ == "__main__":
    main()
