# SPDX-License-Identifier: Apache-2.0
"""The reference: transformers in float32, one prompt at a time, with every setting resolved and every margin kept.

Comes in: a model folder, a text, decoding settings by Hugging Face's names.
Goes out: what the reference generates, its scores, and how near each of its choices was.
Holds: what is written down is what the library computed; margins are read off the live search, not recomputed.
"""

import contextlib
import hashlib
import json
import os
import re
import warnings
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers
from transformers import AutoModelForSeq2SeqLM, GenerationConfig, T5Tokenizer

PINNED = "5.23.0"
FAR = 1e9  # a margin where there is no second choice; the reference's own "never" is -1e9
UNFILLED = -1e8  # below it a score is one of the reference's -1e9 marks
WHOLE = ("num_beams", "num_return_sequences", "min_length", "no_repeat_ngram_size")
DEFAULTS = {
    "num_beams": 1,
    "num_return_sequences": 1,
    "min_new_tokens": 0,
    "min_length": 0,
    "no_repeat_ngram_size": 0,
    "length_penalty": 1.0,
    "repetition_penalty": 1.0,
    "early_stopping": False,
}


def made_by():
    """What an expectation file says of its maker."""
    version = torch.__version__.split("+")[0]
    return f"transformers {transformers.__version__}, torch {version}, float32"


def check_version():
    if transformers.__version__ != PINNED:
        raise SystemExit(f"transformers {PINNED} is the reference, found {transformers.__version__}")


def float32(value):
    """The shortest decimal that reads back as the same float32."""
    return float(str(np.float32(value)))


class Reference:
    """One model folder, loaded."""

    def __init__(self, folder):
        check_version()
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(1)
        self.folder = Path(folder)
        self.made_by = made_by()
        self.model, info = AutoModelForSeq2SeqLM.from_pretrained(
            self.folder, dtype=torch.float32, output_loading_info=True
        )
        if info["missing_keys"]:
            # The library fills what is missing with random values: nothing could be compared with that.
            raise SystemExit(f"{folder}: tensors are missing: {', '.join(sorted(info['missing_keys']))}")
        self.model.eval()
        self.tokenizer = T5Tokenizer.from_pretrained(self.folder)
        self.own_settings = self.model.generation_config.to_diff_dict()
        # From here on each case brings all of its settings.
        self.model.generation_config = GenerationConfig()
        self.drops = 0
        self._count_drops()

    def _count_drops(self):
        """Count the tokens that the encoder's sparse layers leave out (one at a time, the decoder drops none
        unless the capacity is 0)."""

        def hook(_module, _arguments, result):
            chosen = result[0]
            self.drops += int(chosen.shape[0] * chosen.shape[1] - chosen.sum())

        for module in self.model.encoder.modules():
            if type(module).__name__ == "SwitchTransformersTop1Router":
                module.register_forward_hook(hook)

    def sentinel_count(self):
        return self.tokenizer._extra_ids

    def sentinel_id(self, index):
        return self.tokenizer.convert_tokens_to_ids(f"<extra_id_{index}>")

    def blanks(self, text):
        """The numbers of the blanks of `text`, one an occurrence."""
        exact = re.findall(r"<extra_id_(0|[1-9][0-9]*)>", text)
        return [int(number) for number in exact if int(number) < self.sentinel_count()]

    def settings(self, text, options):
        """Every decoding setting of one case: `options`, then the model's own, then the defaults."""
        blanks = self.blanks(text)
        own = self.own_settings
        resolved = {}
        for name, default in DEFAULTS.items():
            value = options.get(name, own.get(name))
            resolved[name] = default if value is None else value
        if options.get("min_new_tokens", own.get("min_new_tokens")) is not None:
            # The library lets it replace min_length, also where it asks for less.
            resolved["min_length"] = 0
        for name in ("max_new_tokens", "max_length"):
            if options.get(name) is not None:
                resolved["max_new_tokens"] = options[name] - (name == "max_length")
                break
        else:
            for name in ("max_new_tokens", "max_length"):
                if own.get(name) is not None:
                    resolved["max_new_tokens"] = own[name] - (name == "max_length")
                    break
            else:
                resolved["max_new_tokens"] = max(64, 16 + 8 * len(blanks))
        eos = options.get("eos_token_id", own.get("eos_token_id"))
        resolved["eos_token_id"] = [] if eos is None else eos if isinstance(eos, list) else [eos]
        start = options.get("decoder_start_token_id", own.get("decoder_start_token_id"))
        resolved["decoder_start_token_id"] = 0 if start is None else start
        resolved["stop_at_last_blank"] = options.get("stop_at_last_blank", True)
        return resolved

    def end_tokens(self, text, settings):
        """The end tokens of a case: with stop_at_last_blank, the sentinel after the text's highest blank too."""
        ends = list(settings["eos_token_id"])
        blanks = self.blanks(text)
        if settings["stop_at_last_blank"] and blanks and max(blanks) + 1 < self.sentinel_count():
            ends.append(self.sentinel_id(max(blanks) + 1))
        return ends

    def run(self, text, options):
        """One case of an expectation file."""
        settings = self.settings(text, options)
        ends = self.end_tokens(text, settings)
        config = GenerationConfig(
            do_sample=False,
            pad_token_id=0,
            eos_token_id=ends or None,
            decoder_start_token_id=settings["decoder_start_token_id"],
            max_new_tokens=settings["max_new_tokens"],
            min_new_tokens=settings["min_new_tokens"] or None,  # even a 0 would switch min_length off
            length_penalty=float(settings["length_penalty"]),
            repetition_penalty=float(settings["repetition_penalty"]),
            early_stopping=settings["early_stopping"],
            return_dict_in_generate=True,
            output_scores=True,
            output_logits=True,
            **{name: settings[name] for name in WHOLE},
        )
        input_ids = self.tokenizer(text).input_ids
        inputs = torch.tensor([input_ids])
        self.drops = 0
        margins = []
        beams = settings["num_beams"] > 1
        watch = watch_beams(self.model, ends, settings["num_return_sequences"], margins) if beams else contextlib.nullcontext()
        with torch.no_grad(), watch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            output = self.model.generate(
                inputs, attention_mask=torch.ones_like(inputs), generation_config=config
            )
        hypotheses = self._hypotheses(output, settings, ends)
        if settings["num_beams"] == 1:
            margins = greedy_margins(output.scores)
        case = {"text": text, "options": settings, "input_ids": input_ids, **hypotheses[0]}
        case["margins"] = [float32(min(margin, FAR)) for margin in margins]
        case["dropped_tokens"] = self.drops
        if settings["num_return_sequences"] > 1:
            case["candidates"] = hypotheses
        return case

    def _hypotheses(self, output, settings, ends):
        result = []
        for rank, sequence in enumerate(output.sequences.tolist()):
            ids = sequence[1:]
            if settings["num_beams"] == 1:
                rows = [0] * len(ids)
            else:
                rows = [row for row in output.beam_indices[rank].tolist() if row >= 0]
                ids = ids[: len(rows)]
            assert all(token not in ends for token in ids[:-1])
            logprob = np.float32(0.0)
            for step, (token, row) in enumerate(zip(ids, rows, strict=True)):
                logprob += np.float32(torch.log_softmax(output.logits[step][row], dim=-1)[token])
            score = None if settings["num_beams"] == 1 else float32(output.sequences_scores[rank])
            result.append(
                {"ids": ids, "raw": self.tokenizer.decode(ids), "logprob": float32(logprob), "score": score}
            )
        return result


def greedy_margins(scores):
    """One a step: the best processed score minus the second best."""
    margins = []
    for step in scores:
        best = torch.topk(step[0], 2).values
        margins.append(float(best[0] - best[1]) if torch.isfinite(best[1]) else FAR)
    return margins


def running_margin(candidates, keep):
    """The last of the `keep` best candidates (score, stops) that do not stop, minus the first that stays behind."""
    running = [score for score, stops in candidates if not stops]
    return running[keep - 1] - running[keep] if len(running) > keep else FAR


def finishing_margin(candidates, keep, length, worst):
    """How near a stopping candidate is to the line after the first `keep`, which decides whether it is finished or
    forgotten. One that is worse than every finished slot does not count: it is forgotten on both sides."""
    margin = FAR
    for rank, (score, stops) in enumerate(candidates):
        if not stops or score / length < worst:
            continue
        if rank >= keep:
            margin = min(margin, candidates[keep - 1][0] - score)
        elif len(candidates) > keep:
            margin = min(margin, score - candidates[keep][0])
    return margin


@contextlib.contextmanager
def watch_beams(model, ends, returned, margins):
    """While open, `generate` of `model` with beams appends to `margins`: one value a step, the smallest of

    - running_margin and finishing_margin, over the candidates of the step and one more;
    - last kept finished slot minus the first thrown out (scores after the length penalty);
    - where all slots are filled, the distance in the rule that ends the search;

    and at the end the smallest distance between neighbouring final scores of which one at least is returned."""
    state = {}
    top_k = model._get_top_k_continuations
    update = model._update_finished_beams
    heuristic = type(model)._check_early_stop_heuristic

    def watched_top_k(**kwargs):
        sums = kwargs["accumulated_log_probs"][0]
        one_more = min(kwargs["beams_to_keep"] + 1, sums.numel())
        values, indices = torch.topk(sums, one_more)
        state["scores"] = [float(value) for value in values]
        state["tokens"] = [int(index) % (sums.numel() // kwargs["num_beams"]) for index in indices]
        return top_k(**kwargs)

    def watched_update(**kwargs):
        keep = kwargs["num_beams"]
        stops = kwargs["next_token_hits_stopping_criteria"][0].tolist()
        scores = state["scores"]
        at_limit = kwargs["cur_len"] + 1 == kwargs["topk_running_sequences"].shape[-1]
        stops += [at_limit or token in ends for token in state["tokens"][len(stops) :]]
        live = [pair for pair in zip(scores, stops, strict=True) if pair[0] > UNFILLED]
        margin = running_margin(live, keep)
        length = (kwargs["cur_len"] + 1 - kwargs["decoder_prompt_len"]) ** kwargs["length_penalty"]
        slots = kwargs["beam_scores"][0].tolist()
        result = update(**kwargs)
        full = kwargs["early_stopping"] is True and bool(kwargs["is_sent_finished"].all())
        if bool(kwargs["is_early_stop_heuristic_unsatisfied"].all()) and not full:
            margin = min(margin, finishing_margin(live, keep, length, min(slots)))
            slots += [score / length for score, stop in live[:keep] if stop]
        slots = sorted((score for score in slots if score > UNFILLED), reverse=True)
        if len(slots) > keep:
            margin = min(margin, slots[keep - 1] - slots[keep])
        margins.append(margin)
        state["final"] = result[1][0].tolist()
        return result

    def watched_heuristic(**kwargs):
        result = heuristic(**kwargs)
        full = bool(kwargs["is_sent_finished"].all())
        over = full and kwargs["early_stopping"] is True
        if full and not over and bool(kwargs["is_early_stop_heuristic_unsatisfied"].all()):
            never = kwargs["early_stopping"] == "never" and kwargs["length_penalty"] > 0.0
            length = (kwargs["max_length"] if never else kwargs["cur_len"]) - kwargs["decoder_prompt_len"]
            best = float(kwargs["running_beam_scores"][0, 0])
            if best > UNFILLED:
                best /= length ** kwargs["length_penalty"]
                margins[-1] = min(margins[-1], abs(best - float(kwargs["beam_scores"][0].min())))
        return result

    model._get_top_k_continuations = watched_top_k
    model._update_finished_beams = watched_update
    model._check_early_stop_heuristic = watched_heuristic
    try:
        yield
    finally:
        for name in ("_get_top_k_continuations", "_update_finished_beams", "_check_early_stop_heuristic"):
            delattr(model, name)
    final = [score for score in state["final"] if score > UNFILLED]
    pairs = list(zip(final, final[1:]))[:returned]
    margins.append(min((a - b for a, b in pairs), default=FAR))


def model_files(folder):
    """The files that decide a model's outputs, as an expectation file's header names them."""
    names = ["config.json", "generation_config.json", "tokenizer_config.json", "spiece.model"]
    paths = [Path(folder) / name for name in names]
    paths += sorted(Path(folder).glob("*.safetensors.index.json")) + sorted(Path(folder).glob("*.safetensors"))
    files = []
    for path in paths:
        if path.exists():
            data = path.read_bytes()
            files.append({"name": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    return files


def read_prompts(path):
    """The lines of a prompt file, as switch-gen reads them: one text a line, empty lines not run."""
    text = Path(path).read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line]


def write_expectations(reference, prompts, options, out):
    """Run every prompt and write the expectation file. Returns its cases. `reference` is a Reference, or another that
    has its `run`, `folder` and `made_by`."""
    cases = [reference.run(text, options) for text in prompts]
    header = {
        "v": 1,
        "cases": len(cases),
        "made_by": reference.made_by,
        "made_with": "tools/reference/write_expectations.py",
        "model": {"name": Path(reference.folder).resolve().name, "files": model_files(reference.folder)},
    }
    lines = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in [header, *cases]]
    partial = Path(f"{out}.part")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(out)
    return cases
