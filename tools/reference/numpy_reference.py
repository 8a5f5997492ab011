#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What switch-gen computes, in plain numpy: the executable specification. One text at a time, no padding, no torch.

Comes in: a model folder (config.json, safetensors in one file or shards) and token ids.
Goes out: generated ids with their scores, greedy or by beam search.
Holds: every formula stands here once, as in models/README.md, in float32; where transformers 5.23.0 has a class for the
model, the ids are the same (test_tools.py). It also computes what that version has no class for: gated experts
(switch-xxl-128), a head called decoder.lm_head.weight (switch-c-2048), a decoder deeper than the encoder.

    numpy_reference.py MODEL ID... [--num-beams N] [--max-new-tokens N]       ids as `switch-gen tokenize` prints them

Papers: Switch Transformer, Fedus et al. 2021 (arXiv 2101.03961); T5, Raffel et al. 2019 (arXiv 1910.10683); RMS norm, Zhang
and Sennrich 2019 (arXiv 1910.07467); gated units, Shazeer 2020 (arXiv 2002.05202). Shapes: S source tokens, T tokens
of the decoder so far, D d_model, H heads, K d_kv, F d_ff, E experts, V vocabulary.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np

NEVER = np.float32(-1e9)  # the score of a beam that is not there
TABLES = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")
SWITCH_DEFAULTS = {"d_model": 768, "num_heads": 12, "num_layers": 12, "num_decoder_layers": 12}
T5_DEFAULTS = {"d_model": 512, "num_heads": 8, "num_layers": 6, "num_decoder_layers": None}
COMMON_NAMES = {  # transformers' own names win where a file has both
    "d_model": "hidden_size",
    "num_heads": "num_attention_heads",
    "num_layers": "num_hidden_layers",
    "d_kv": "head_dim",
}
DEFAULTS = {
    "d_kv": 64,
    "num_sparse_encoder_layers": 3,
    "num_sparse_decoder_layers": 3,
    "expert_capacity": 64,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "layer_norm_epsilon": 1e-6,
    "tie_word_embeddings": True,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": None,
}


# ---- files ----


def read_safetensors(path):
    """{name: float32 array} of one file. bf16 is the upper half of a float32, so it widens exactly; so does f16."""
    data = Path(path).read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:begin]).items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        raw = data[begin + first : begin + last]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]).astype(np.float32)
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def read_weights(folder):
    """All tensors of a checkpoint. Of an index only the set of files counts; it may list names that no file holds."""
    folder = Path(folder)
    if (folder / "model.safetensors").exists():
        return read_safetensors(folder / "model.safetensors")
    index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
    weights = {}
    for file in sorted(set(index["weight_map"].values())):
        weights |= read_safetensors(folder / file)
    return weights


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


# ---- formulas ----


def softmax(x):
    """Over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float32])(x)


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "gelu": lambda x: np.float32(0.5) * x * (1 + erf(x / np.float32(math.sqrt(2)))),
    "gelu_new": lambda x: np.float32(0.5)
    * x
    * (1 + np.tanh(np.float32(math.sqrt(2 / math.pi)) * (x + np.float32(0.044715) * x * x * x))),
    "silu": lambda x: x / (1 + np.exp(-x)),
}
ACTIVATIONS["swish"] = ACTIVATIONS["silu"]


def bucket(relative, bidirectional, buckets, max_distance):
    """The row of the bias table for relative = key position - query position (T5, section 2.1). Half of a side's
    buckets hold one distance each, the others grow by a constant factor up to max_distance."""
    base, distance, side = 0, max(-relative, 0), buckets
    if bidirectional:
        side = buckets // 2
        base, distance = (side if relative > 0 else 0), abs(relative)
    exact = side // 2
    if distance < exact:
        return base + distance
    growth = math.log(distance / exact) / math.log(max_distance / exact)
    return base + min(exact + int(growth * (side - exact) + 1e-9), side - 1)


# ---- the model ----


class Model:
    """A checkpoint, loaded, with what it is taken for: names of tensors before fields of config.json (`described`)."""

    def __init__(self, folder):
        self.weights = read_weights(folder)
        config = read_json(Path(folder) / "config.json")
        self.is_switch = config["model_type"] == "switch_transformers"
        defaults = DEFAULTS | (SWITCH_DEFAULTS if self.is_switch else T5_DEFAULTS)
        self.config = defaults | config
        for name, common in COMMON_NAMES.items():
            if config.get(common) is not None and (common != "head_dim" or not self.is_switch):
                self.config[name] = config[common]
        if self.config["num_decoder_layers"] is None:
            self.config["num_decoder_layers"] = self.config["num_layers"]
        self.dropped = self.dropped_by_encoder = 0  # tokens over capacity
        self._take_tensors_at_their_word()
        self._choose_activation(config)
        self._choose_tables()

    def _take_tensors_at_their_word(self):
        """Depth and sparse blocks as the tensors have them: for a consistent checkpoint what config.json says, for
        switch-c-2048 what is true."""
        self.depth = {"encoder": self.config["num_layers"], "decoder": self.config["num_decoder_layers"]}
        while f"decoder.block.{self.depth['decoder']}.layer.0.layer_norm.weight" in self.weights:
            self.depth["decoder"] += 1
        self.is_gated = any(name.endswith(".wi_0.weight") for name in self.weights)
        self.own_head = "decoder.lm_head.weight" in self.weights and "lm_head.weight" not in self.weights

    def _choose_activation(self, config):
        """Switch: dense_act_fn, or gelu_new where it is gated. T5: feed_forward_proj, which dense_act_fn replaces;
        "gated-gelu" means gelu_new."""
        name = "relu"
        if self.is_switch and self.is_gated:
            self.activation = ACTIVATIONS["gelu_new"]
            return
        if not self.is_switch:
            form = config.get("feed_forward_proj", "relu")
            name = "gelu_new" if form == "gated-gelu" else form.removeprefix("gated-")
        self.activation = ACTIVATIONS[config.get("dense_act_fn") or name]

    def _choose_tables(self):
        """Embeddings and head: each its own tensor, else shared.weight, else whichever is there. The output is scaled by
        D^(-1/2) where the embeddings are tied; that is config.json's word, unless the head is the decoder's own."""
        shared = next(self.weights[name] for name in TABLES if name in self.weights)
        self.embedding = {
            stack: self.weights.get(f"{stack}.embed_tokens.weight", shared) for stack in ("encoder", "decoder")
        }
        head = "decoder.lm_head.weight" if self.own_head and self.is_switch else "lm_head.weight"
        self.head = self.weights.get(head, shared)
        scaled = self.config["tie_word_embeddings"] and not (self.own_head and self.is_switch)
        if not self.is_switch:
            scaled = self.config.get("scale_decoder_outputs", scaled)  # how transformers 5 saves an untied T5
        self.head_scale = np.float32(self.config["d_model"] ** -0.5 if scaled else 1.0)

    def is_sparse(self, stack, i):
        layer = 1 if stack == "encoder" else 2
        return f"{stack}.block.{i}.layer.{layer}.mlp.router.classifier.weight" in self.weights

    def norm(self, name, x):
        """w x / sqrt(mean(x^2) + epsilon): Zhang and Sennrich, section 4."""
        mean = np.mean(x * x, axis=-1, keepdims=True, dtype=np.float32)
        return self.weights[name] * (x / np.sqrt(mean + np.float32(self.config["layer_norm_epsilon"])))

    def project(self, name, x):
        return x @ self.weights[name].T

    def heads(self, name, x):
        """[rows, D] -> [H, rows, K]"""
        return self.project(name, x).reshape(len(x), self.config["num_heads"], -1).transpose(1, 0, 2)

    def position_bias(self, stack, queries, keys):
        """[H, queries, keys]. `queries` and `keys` are positions; the table of block 0 serves the whole stack."""
        table = self.weights[f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
        rule = (stack == "encoder", self.config["relative_attention_num_buckets"],
                self.config["relative_attention_max_distance"])
        rows = [[bucket(key - query, *rule) for key in keys] for query in queries]
        return table[np.array(rows)].transpose(2, 0, 1)

    def attend(self, prefix, q, k, v, bias):
        """o(softmax(q k^T + bias) v) for each head, without 1/sqrt(K) (T5, section 2.1)."""
        mixed = softmax(q @ k.transpose(0, 2, 1) + bias) @ v  # [H, rows, K]
        return self.project(f"{prefix}.o.weight", mixed.transpose(1, 0, 2).reshape(q.shape[1], -1))

    def unit(self, prefix, x):
        """wo(act(wi x)), or wo(act(wi_0 x) * wi_1 x): T5, section 2.1; Shazeer, section 2."""
        if self.is_gated:
            hidden = self.activation(self.project(f"{prefix}.wi_0.weight", x)) * self.project(f"{prefix}.wi_1.weight", x)
        else:
            hidden = self.activation(self.project(f"{prefix}.wi.weight", x))
        return self.project(f"{prefix}.wo.weight", hidden)

    def experts(self, prefix, x):
        """p = softmax(W_r x), e = argmax p, out = p_e Expert_e(x) (Fedus, equations 1 and 2), for the first C tokens that
        choose e, in order, the dropped ones counted (equation 3, section 2.2); a dropped token gets 0."""
        logits = self.project(f"{prefix}.router.classifier.weight", x)
        bias = self.weights.get(f"{prefix}.router.classifier.bias")
        gates = softmax(logits if bias is None else logits + bias)
        out = np.zeros_like(x)
        count = {}
        for t, p in enumerate(gates):
            e = int(np.argmax(p))  # the lowest of equals
            count[e] = count.get(e, 0) + 1
            if count[e] > self.config["expert_capacity"]:
                self.dropped += 1
                continue
            out[t] = p[e] * self.unit(f"{prefix}.experts.expert_{e}", x[t : t + 1])[0]
        return out

    def feed_forward(self, stack, i, x):
        layer = f"{stack}.block.{i}.layer.{1 if stack == 'encoder' else 2}"
        normed = self.norm(f"{layer}.layer_norm.weight", x)
        if self.is_sparse(stack, i):
            return self.experts(f"{layer}.mlp", normed)
        return self.unit(f"{layer}.{'mlp' if self.is_switch else 'DenseReluDense'}", normed)

    def encode(self, ids):
        """[S] -> [S, D], normed."""
        x = self.embedding["encoder"][np.array(ids)]
        positions = range(len(ids))
        bias = self.position_bias("encoder", positions, positions)
        self.dropped = 0
        for i in range(self.depth["encoder"]):
            prefix = f"encoder.block.{i}.layer.0"
            normed = self.norm(f"{prefix}.layer_norm.weight", x)
            q, k, v = (self.heads(f"{prefix}.SelfAttention.{part}.weight", normed) for part in "qkv")
            x = x + self.attend(f"{prefix}.SelfAttention", q, k, v, bias)
            x = x + self.feed_forward("encoder", i, x)
        self.dropped_by_encoder = self.dropped
        return self.norm("encoder.final_layer_norm.weight", x)

    def start(self, ids):
        """A decoder's state before its first token: cross-attention's keys and values of each block, an empty cache."""
        encoded = self.encode(ids)
        cross = [
            [self.heads(f"decoder.block.{i}.layer.1.EncDecAttention.{part}.weight", encoded) for part in "kv"]
            for i in range(self.depth["decoder"])
        ]
        return {"cross": cross, "cache": [None] * self.depth["decoder"], "length": 0}

    def step(self, state, token):
        """One token in: its logits [V], and the state with it. The old state stays as it is, so beams may share it."""
        position = state["length"]
        x = self.embedding["decoder"][token : token + 1]
        bias = self.position_bias("decoder", [position], range(position + 1))
        cache = []
        for i in range(self.depth["decoder"]):
            prefix = f"decoder.block.{i}.layer"
            normed = self.norm(f"{prefix}.0.layer_norm.weight", x)
            q, k, v = (self.heads(f"{prefix}.0.SelfAttention.{part}.weight", normed) for part in "qkv")
            if position > 0:
                k, v = (np.concatenate(pair, axis=1) for pair in zip(state["cache"][i], (k, v)))
            cache.append((k, v))
            x = x + self.attend(f"{prefix}.0.SelfAttention", q, k, v, bias)
            normed = self.norm(f"{prefix}.1.layer_norm.weight", x)
            q = self.heads(f"{prefix}.1.EncDecAttention.q.weight", normed)
            x = x + self.attend(f"{prefix}.1.EncDecAttention", q, *state["cross"][i], np.float32(0))
            x = x + self.feed_forward("decoder", i, x)
        normed = self.norm("decoder.final_layer_norm.weight", x)
        logits = (self.head_scale * normed @ self.head.T)[0]
        return logits, state | {"cache": cache, "length": position + 1}


# ---- search ----


def process(scores, sequence, ends, o):
    """Repetition penalty, n-grams, minimum lengths, in this order. `sequence` holds the start token too."""
    scores = scores.copy()
    if o["repetition_penalty"] != 1.0:
        seen = np.array(sorted(set(sequence)))
        penalty = np.float32(o["repetition_penalty"])
        scores[seen] = np.where(scores[seen] < 0, scores[seen] * penalty, scores[seen] / penalty)
    n = o["no_repeat_ngram_size"]
    if n > 0 and len(sequence) >= n:
        last = tuple(sequence[len(sequence) - n + 1 :])
        for i in range(len(sequence) - n + 1):
            if tuple(sequence[i : i + n - 1]) == last:
                scores[sequence[i + n - 1]] = -np.inf
    if len(sequence) < o["min_length"] or len(sequence) - 1 < o["min_new_tokens"]:
        scores[ends] = -np.inf
    return scores


def greedy(model, ids, start, ends, o, observe=None):
    """The best token at each step; of equals the lowest. One hypothesis in a list, its score None."""
    state, sequence, logprob = model.start(ids), [start], np.float32(0)
    for _ in range(o["max_new_tokens"]):
        logits, state = model.step(state, sequence[-1])
        scores = process(logits, sequence, ends, o)
        token = int(np.argmax(scores))
        logprob += log_softmax(logits)[token]
        sequence.append(token)
        if observe:
            observe(scores)
        if token in ends:
            break
    return [{"ids": sequence[1:], "logprob": logprob, "score": None}]


def beam_search(model, ids, start, ends, o, observe=None):
    """K running beams and K slots of finished ones. Returns the slots, best first: `num_return_sequences` of them.

    `observe`, if given, is told each step what was decided on (README.md of this folder, margins)."""
    width = o["num_beams"]
    penalty = o["length_penalty"]
    limit = o["max_new_tokens"]
    keep = max(2, 1 + len(ends)) * width
    running = [{"ids": [start], "score": np.float32(0) if k == 0 else NEVER, "logprob": np.float32(0)} for k in range(width)]
    states = [model.start(ids)] * width
    finished = []  # (score, hypothesis), best first; at most `width`
    open_ = True
    for length in range(1, limit + 1):  # tokens after this step, without the start token
        # 1, 2: each beam's scores, and the best of all.
        candidates = []
        for k, beam in enumerate(running):
            logits, states[k] = model.step(states[k], beam["ids"][-1])
            own = log_softmax(logits)
            sums = process(own, beam["ids"], ends, o) + beam["score"]
            best = np.argsort(-sums, kind="stable")[: keep + 1]
            candidates += [(sums[token], k, int(token), own[token]) for token in best]
        candidates.sort(key=lambda candidate: -candidate[0])
        shown, candidates = candidates[: keep + 1], candidates[:keep]

        # 3: which of them stop.
        def stops(candidate):
            return candidate[2] in ends or length == limit

        def extended(candidate):
            score, k, token, own = candidate
            return {"ids": running[k]["ids"] + [token], "score": score, "logprob": running[k]["logprob"] + own}

        # 5: the finished slots. Only the first K candidates count.
        before = list(finished)
        full = len(finished) == width
        if open_ and not (o["early_stopping"] is True and full):
            for candidate in candidates[:width]:
                if stops(candidate) and candidate[0] > NEVER / 2:
                    finished.append((candidate[0] / np.float32(length**penalty), extended(candidate)))
            finished.sort(key=lambda slot: -slot[0])
            contenders, finished = finished, finished[:width]
        else:
            contenders = finished
        # 4: the next running beams.
        going = [candidate for candidate in candidates if not stops(candidate)][:width]
        all_stopped = not going
        if going:
            states = [states[candidate[1]] for candidate in going]
            running = [extended(candidate) for candidate in going]
        # 6: can a running beam still win a slot?
        full = len(finished) == width
        never = o["early_stopping"] == "never" and penalty > 0
        best = None
        if going:
            best = running[0]["score"] / np.float32((limit if never else length) ** penalty)
        still = not full or (best is not None and best > finished[-1][0])
        if observe:
            observe({"candidates": [(float(c[0]), stops(c)) for c in shown], "length": length, "slots": before,
                     "contenders": contenders, "was_open": open_, "best": best, "finished": finished})
        open_ = open_ and still
        # 7: the end.
        if not open_ or (o["early_stopping"] is True and full) or all_stopped:
            break
    return [
        {"ids": hypothesis["ids"][1:], "logprob": hypothesis["logprob"], "score": score}
        for score, hypothesis in finished[: o["num_return_sequences"]]
    ]


def generate(model, ids, start, ends, options, observe=None):
    search = greedy if options["num_beams"] == 1 else beam_search
    return search(model, ids, start, ends, options, observe)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("ids", type=int, nargs="+")
    parser.add_argument("--num-beams", type=int, default=1)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    arguments = parser.parse_args()
    model = Model(arguments.model)
    start, end = model.config["decoder_start_token_id"], model.config["eos_token_id"]
    options = {"num_beams": arguments.num_beams, "num_return_sequences": arguments.num_beams, "min_length": 0,
               "max_new_tokens": arguments.max_new_tokens, "min_new_tokens": 0, "no_repeat_ngram_size": 0,
               "length_penalty": 1.0, "repetition_penalty": 1.0, "early_stopping": False}
    start = model.config["pad_token_id"] if start is None else start
    for hypothesis in generate(model, arguments.ids, start, end if isinstance(end, list) else [end], options):
        print(*hypothesis["ids"])


if __name__ == "__main__":
    main()
