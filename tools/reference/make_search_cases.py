#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what transformers' generate() does with random search settings on a fake model.

The fake model's logits are a function of the last two tokens that tests/support/search_cases.h computes
with the same float32 operations, so a difference is the search's, never the model's:

    x     = seed + (before + 1) * A + (last + 1) * B + (token + 1) * C     modulo 2^64
    v     = (mix(x) >> 40) / 2^24                                          mix: splitmix64's finaliser
    logit = v * v * v * spread + (bonus if token is an end token else 0) - 2

One case is a line `case ...` with the settings, then one line `out SCORE LOGPROB COUNT ids...` for each
hypothesis, best first. SCORE is the reference's sequences_scores (nan for greedy), LOGPROB the sum of the
model's own log-probabilities, in double.

    make_search_cases.py [--cases N] [--seed S] > tests/fixtures/search/cases.txt
"""
import argparse
import logging
import random
import sys
import warnings

import numpy as np
import torch
import transformers
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

FIELDS = ("seed", "vocab_size", "spread", "bonus", "start", "num_beams", "num_return_sequences",
          "max_new_tokens", "min_new_tokens", "min_length", "no_repeat_ngram_size", "early_stopping",
          "length_penalty", "repetition_penalty")
EARLY = {0: False, 1: True, 2: "never"}
A, B, C = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))


def mix(x):
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def fake_logits(case, before, last):
    """[rows, V] float32 after tokens before[rows], last[rows] (before is -1 where there is none)."""
    tokens = np.arange(case["vocab_size"], dtype=np.int64)
    with np.errstate(over="ignore"):
        x = (np.uint64(case["seed"]) + (before.astype(np.int64) + 1).astype(np.uint64)[:, None] * A
             + (last.astype(np.int64) + 1).astype(np.uint64)[:, None] * B
             + (tokens + 1).astype(np.uint64)[None, :] * C)
        v = (mix(x) >> np.uint64(40)).astype(np.float32) * np.float32(2.0 ** -24)
    add = np.full(tokens.shape, -2.0, dtype=np.float32)
    add[np.isin(tokens, case["eos"])] += np.float32(case["bonus"])
    return v * v * v * np.float32(case["spread"]) + add[None, :]


class FakeConfig(PretrainedConfig):
    model_type = "fake_search"

    def __init__(self, vocab_size=8, **kwargs):
        self.vocab_size = vocab_size
        super().__init__(is_encoder_decoder=True, pad_token_id=0, eos_token_id=None, **kwargs)


class FakeEncoder(torch.nn.Module):
    main_input_name = "input_ids"

    def forward(self, input_ids=None, **_):
        return BaseModelOutput(last_hidden_state=torch.zeros(input_ids.shape[0], input_ids.shape[1], 1))


class FakeModel(PreTrainedModel, GenerationMixin):
    config_class = FakeConfig
    main_input_name = "input_ids"

    def __init__(self, config, case):
        super().__init__(config)
        self.encoder = FakeEncoder()
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self.case = case

    def get_encoder(self, *_, **__):
        return self.encoder

    def prepare_inputs_for_generation(self, decoder_input_ids, **_):
        return {"decoder_input_ids": decoder_input_ids}

    def forward(self, decoder_input_ids=None, **_):
        ids = decoder_input_ids.numpy()
        before = ids[:, -2] if ids.shape[1] > 1 else np.full(ids.shape[0], -1)
        return Seq2SeqLMOutput(logits=torch.from_numpy(fake_logits(self.case, before, ids[:, -1]))[:, None])


def random_case(rng):
    vocab = rng.choice([40, 48, 64, 100, 200])
    beams = rng.choice([1, 2, 2, 3, 4, 4, 5, 6, 8])
    ends = [rng.randrange(vocab) for _ in range(rng.choice([0, 1, 1, 2, 3, 3]))]
    if ends and rng.random() < 0.2:
        ends.append(rng.choice([ends[0], vocab + 3]))
    return {
        "seed": rng.getrandbits(63), "vocab_size": vocab, "spread": rng.choice([4.0, 8.0, 16.0]),
        "bonus": rng.choice([0.0, 1.0, 2.5, 4.0, 6.0, 9.0]), "start": rng.choice([0, 0, 0, 7]),
        "num_beams": beams, "num_return_sequences": rng.randint(1, beams),
        "max_new_tokens": rng.choice([1, 2, 3, 5, 8, 12, 16, 20, 24]),
        "min_new_tokens": rng.choice([0, 0, 0, 2, 5, 30]), "min_length": rng.choice([0, 0, 0, 3, 6, 9]),
        "no_repeat_ngram_size": rng.choice([0, 0, 1, 2, 3]), "early_stopping": rng.randrange(3),
        "length_penalty": rng.choice([1.0, 0.0, -1.0, 2.0, round(rng.uniform(-1, 2), 3)]),
        "repetition_penalty": rng.choice([1.0, 1.0, round(rng.uniform(0.7, 1.3), 3)]), "eos": ends,
    }


def log_probability(case, ids):
    """Sum of the model's own log-probabilities of ids, in double."""
    total, before, last = 0.0, -1, case["start"]
    for token in ids:
        row = fake_logits(case, np.array([before]), np.array([last]))[0].astype(np.float64)
        total += row[token] - (row.max() + np.log(np.exp(row - row.max()).sum()))
        before, last = last, token
    return total


def run_reference(case):
    """[(score, logprob, ids)], best first."""
    model = FakeModel(FakeConfig(case["vocab_size"]), case).eval()
    settings = {name: case[name] for name in FIELDS[5:] if name != "early_stopping"}
    if case["num_beams"] > 1:
        settings["early_stopping"] = EARLY[case["early_stopping"]]
    else:
        del settings["length_penalty"]
    if settings["min_new_tokens"] == 0:
        del settings["min_new_tokens"]
    with torch.no_grad():
        out = model.generate(torch.ones(1, 1, dtype=torch.long), do_sample=False,
                             use_cache=False, eos_token_id=case["eos"] or None, pad_token_id=0,
                             decoder_start_token_id=case["start"], return_dict_in_generate=True,
                             output_scores=True, **settings)
    results = []
    for rank, row in enumerate(out.sequences.tolist()):
        greedy = case["num_beams"] == 1
        count = len(row) - 1 if greedy else int((out.beam_indices[rank] >= 0).sum())
        score = float("nan") if greedy else float(out.sequences_scores[rank])
        ids = row[1:1 + count]
        results.append((score, log_probability(case, ids), ids))
    return results


def case_line(case):
    return " ".join(["case"] + [repr(case[name]) for name in FIELDS] + [str(len(case["eos"]))]
                    + [str(id) for id in case["eos"]])


def quiet():
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=180)
    parser.add_argument("--seed", type=int, default=20261124)
    options = parser.parse_args()
    quiet()
    rng = random.Random(options.seed)
    print(f"# tools/reference/make_search_cases.py --cases {options.cases} --seed {options.seed}")
    print(f"# transformers {transformers.__version__}, torch {torch.__version__}, numpy {np.__version__}")
    for _ in range(options.cases):
        case = random_case(rng)
        print(case_line(case))
        for score, logprob, ids in run_reference(case):
            print("out", f"{score:.9g}", f"{logprob:.9g}", len(ids), *ids)
    return 0


if __name__ == "__main__":
    sys.exit(main())
