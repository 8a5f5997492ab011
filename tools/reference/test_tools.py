#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the tools of this folder: what they would let pass must be what the texts say.

Runs with the Python of `setup`; needs no built switch-gen."""

import copy
import json
import tempfile
import unittest
from pathlib import Path

import check_parity
import family
import make_checkpoint
import make_fixtures
import numpy as np
import numpy_reference
import reference
import torch

FIXTURE = make_fixtures.CHECKPOINTS / "odd-3"


def cases(search):
    lines = (FIXTURE / f"expected-{search}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) | {"compare_drops": True} for line in lines[1:]]


def as_record(case):
    """What a perfect switch-gen would answer."""
    return copy.deepcopy(case) | {"status": "ok", "input_tokens": len(case["input_ids"])}


class Comparison(unittest.TestCase):
    def setUp(self):
        self.case = next(case for case in cases("beam4") if min(case["margins"]) > 1e-3)
        self.record = as_record(self.case)

    def test_equal(self):
        for search in make_fixtures.SEARCHES:
            for case in cases(search):
                self.assertIsNone(check_parity.compare(as_record(case), case))

    def test_planted_differences(self):
        """Each compared field, changed in any hypothesis, is found, and none of it counts as a near tie."""
        for rank in range(4):
            for field, value in (("ids", [5, 5, 5]), ("score", -99.0), ("logprob", -99.0), ("raw", "no")):
                record = copy.deepcopy(self.record)
                record["candidates"][rank][field] = value
                self.assertIn(f"hypothesis {rank}", check_parity.compare(record, self.case))
                self.assertFalse(check_parity.is_near_tie(record, self.case, "beam4"))
        for field, value in (("dropped_tokens", 10**6), ("input_tokens", 0), ("status", "error")):
            self.assertIsNotNone(check_parity.compare(self.record | {field: value}, self.case))
        record = copy.deepcopy(self.record)
        record["candidates"].pop()
        self.assertIsNotNone(check_parity.compare(record, self.case))

    def test_near_tie(self):
        """Greedy: only a margin at or before the first diverging step forgives, and only other ids."""
        case = next(case for case in cases("greedy") if len(case["ids"]) >= 4)
        case["margins"] = [1.0] * len(case["ids"])
        record = as_record(case)
        record["ids"][1] += 1
        self.assertFalse(check_parity.is_near_tie(record, case, "greedy"))
        case["margins"][2] = 1e-7
        self.assertFalse(check_parity.is_near_tie(record, case, "greedy"))
        case["margins"][1] = 1e-7
        self.assertTrue(check_parity.is_near_tie(record, case, "greedy"))
        record = as_record(case) | {"score": 1.0}
        self.assertFalse(check_parity.is_near_tie(record, case, "greedy"))

    def test_no_cases_is_no_success(self):
        self.assertFalse(check_parity.report([check_parity.Tally("a", "greedy", "native")]))


class Margins(unittest.TestCase):
    def test_running(self):
        candidates = [(-1.0, False), (-2.0, True), (-3.0, False), (-3.5, False)]
        self.assertEqual(reference.running_margin(candidates, 2), 0.5)
        self.assertEqual(reference.running_margin(candidates, 3), reference.FAR)

    def test_finishing(self):
        """A stopping candidate inside the line, outside it, and one that no slot would take."""
        self.assertEqual(reference.finishing_margin([(-1.0, True), (-1.25, False)], 1, 1, -1e9), 0.25)
        self.assertEqual(reference.finishing_margin([(-1.0, False), (-1.5, True)], 1, 1, -1e9), 0.5)
        self.assertEqual(reference.finishing_margin([(-1.0, False), (-1.5, True)], 1, 1, -1.2), reference.FAR)

    def test_one_a_step(self):
        for case in cases("greedy"):
            self.assertEqual(len(case["margins"]), len(case["ids"]))
        for case in cases("beam4"):
            longest = max(len(candidate["ids"]) for candidate in case["candidates"])
            self.assertGreater(len(case["margins"]), longest)
            self.assertGreaterEqual(min(case["margins"]), 0.0)


class Checkpoints(unittest.TestCase):
    def test_pattern(self):
        """The traps of the sparse pattern: 0 sparse layers, more than there are, steps of config.json."""
        rows = [(12, 6, None, "010101010101"), (4, 0, None, "0100"), (1, 0, None, "1"), (4, 5, None, "0000"),
                (5, 2, None, "01010"), (3, 2, None, "111"), (5, 5, 3, "01001"), (4, 4, 2, "0101")]
        for layers, sparse, override, expected in rows:
            s = make_checkpoint.resolve(
                {"num_layers": layers, "num_sparse_encoder_layers": sparse, "encoder_sparse_step": override}
            )
            pattern = make_checkpoint.sparse_pattern(s, "encoder")
            self.assertEqual("".join(str(int(is_sparse)) for is_sparse in pattern), expected)

    def test_same_seed_same_bytes(self):
        shape = make_checkpoint.load_shapes()["odd-3"]
        with tempfile.TemporaryDirectory() as folder:
            for name, seed in (("a", 1), ("b", 1), ("c", 2)):
                make_checkpoint.make(shape, seed, Path(folder) / name)
            files = [(Path(folder) / name / "model.safetensors").read_bytes() for name in "abc"]
        self.assertEqual(files[0], files[1])
        self.assertNotEqual(files[0], files[2])
        self.assertEqual(files[0], (FIXTURE / "model.safetensors").read_bytes())

    def test_unknown_field(self):
        with self.assertRaises(SystemExit):
            make_checkpoint.resolve({"num_expert": 3})


class Settings(unittest.TestCase):
    def setUp(self):
        self.reference = reference.Reference(FIXTURE)

    def test_last_blank(self):
        """The sentinel after the highest blank ends the output; not after the last sentinel, not without a blank."""
        for text, expected in (("<extra_id_0> <extra_id_3>", [1, 215]), ("<extra_id_19>", [1]), ("no", [1]),
                               ("<extra_id_99>", [1])):
            settings = self.reference.settings(text, {})
            self.assertEqual(self.reference.end_tokens(text, settings), expected)
        settings = self.reference.settings("<extra_id_0>", {"stop_at_last_blank": False})
        self.assertEqual(self.reference.end_tokens("<extra_id_0>", settings), [1])

    def test_length(self):
        for blanks, expected in ((0, 64), (6, 64), (7, 72)):
            text = " ".join(f"<extra_id_{i}>" for i in range(blanks))
            self.assertEqual(self.reference.settings(text, {})["max_new_tokens"], expected)
        self.assertEqual(self.reference.settings("", {"max_length": 5})["max_new_tokens"], 4)

    def test_models_settings(self):
        """generation_config.json, and config.json where there is none, decide what the caller leaves open."""
        penalties = reference.Reference(make_fixtures.CHECKPOINTS / "penalties").settings("", {})
        self.assertEqual(penalties["eos_token_id"], [1, 45, 77])
        self.assertEqual((penalties["early_stopping"], penalties["max_new_tokens"]), (True, 40))
        self.assertEqual((penalties["min_length"], penalties["min_new_tokens"]), (0, 6))
        mixed = reference.Reference(make_fixtures.CHECKPOINTS / "mixed").settings("", {})
        self.assertEqual((mixed["max_new_tokens"], mixed["no_repeat_ngram_size"], mixed["min_length"]), (40, 3, 4))

    def test_min_length_alone(self):
        """A min_length without min_new_tokens keeps the end away (a min_new_tokens of 0 would switch it off)."""
        short = next(case for case in cases("greedy") if len(case["ids"]) < 6)
        case = self.reference.run(short["text"], {"min_length": 8, "num_beams": 1, "num_return_sequences": 1})
        self.assertGreaterEqual(len(case["ids"]), 8)


class Numpy(unittest.TestCase):
    """The executable specification against transformers, wherever both can run."""

    def test_outputs(self):
        """Greedy and four beams on committed checkpoints: sparse with drops, own tables, penalties and several end
        tokens, early stopping "never", gated and plain T5, 15 sparse blocks with the head in the decoder."""
        names = ("odd-3", "untied", "penalties", "never", "t5-gated", "t5-plain", "every-layer")
        folders = [make_fixtures.CHECKPOINTS / name for name in names]
        for folder in [*folders, make_fixtures.FAMILY / "switch-c-2048"]:
            program = family.NumpyReference(folder)
            for search, every in (("greedy", 2), ("beam4", 8)):
                lines = (folder / f"expected-{search}.jsonl").read_text(encoding="utf-8").splitlines()[1::every]
                for case in map(json.loads, lines):
                    found = as_record(program.run(case["text"], case["options"]))
                    complaint = check_parity.compare(found, case | {"compare_drops": True})
                    near = complaint and check_parity.is_near_tie(found, case, search)
                    self.assertTrue(complaint is None or near, f"{folder.name}: {complaint}")

    def test_logits(self):
        """Step by step with the cache, fed with what transformers chose."""
        for name in ("odd-3", "every-layer", "step-override", "tied-head", "t5-gated-no-head", "mixed"):
            folder = make_fixtures.CHECKPOINTS / name
            library, program = reference.Reference(folder), numpy_reference.Model(folder)
            line = (folder / "expected-greedy.jsonl").read_text(encoding="utf-8").splitlines()[1]
            case = json.loads(line)
            state, cache = program.start(case["input_ids"]), None
            with torch.no_grad():
                encoded = library.model.encoder(torch.tensor([case["input_ids"]]))
                for token in [0, *case["ids"][:-1]]:
                    out = library.model(encoder_outputs=encoded, decoder_input_ids=torch.tensor([[token]]),
                                        past_key_values=cache, use_cache=True)
                    cache = out.past_key_values
                    logits, state = program.step(state, token)
                    worst = np.abs(out.logits[0, -1].numpy() - logits).max()
                    self.assertLess(worst, 1e-3, name)

    def test_margins(self):
        """The margins that it writes are those of the library's own search, wherever a choice is near."""
        program = family.NumpyReference(FIXTURE)
        for search in make_fixtures.SEARCHES:
            for case in cases(search)[::6]:
                margins = program.run(case["text"], case["options"])["margins"]
                self.assertEqual(len(margins), len(case["margins"]))
                for mine, theirs in zip(margins, case["margins"]):
                    self.assertLess(abs(min(mine, 10) - min(theirs, 10)), 1e-3)


class Family(unittest.TestCase):
    def test_hub_layout(self):
        """What the hub's converter leaves: the table once a shard, all four names in the index; a .bin has all four."""
        shape = make_checkpoint.load_shapes("shapes_family.json")["switch-base-64"]
        with tempfile.TemporaryDirectory() as folder:
            make_checkpoint.make(shape, 1, folder)
            index = json.loads((Path(folder) / "model.safetensors.index.json").read_text(encoding="utf-8"))
            self.assertEqual((Path(folder) / "model.safetensors.index.json").stat().st_size // 1000, 181)
            held = numpy_reference.read_weights(folder)
            self.assertEqual([name in index["weight_map"] for name in numpy_reference.TABLES], [True] * 4)
            self.assertEqual([name in held for name in numpy_reference.TABLES], [True, False, False, True])
            make_checkpoint.make(shape, 1, folder, binary=True)
            parts = [torch.load(file, weights_only=True) for file in sorted(Path(folder).glob("*.bin"))]
            self.assertEqual(sum(name in part for part in parts for name in numpy_reference.TABLES), 4)
            self.assertFalse(list(Path(folder).glob("*.safetensors*")))

    def test_mended(self):
        """A mended copy holds the same values under the names that the library reads."""
        source = make_fixtures.FAMILY / "switch-c-2048"
        with tempfile.TemporaryDirectory() as folder:
            family.mend(source, folder)
            mine, mended = numpy_reference.Model(source), numpy_reference.Model(folder)
        self.assertEqual(mended.config["num_decoder_layers"], 15)
        self.assertTrue((mine.head == mended.head).all())
        self.assertEqual((mine.depth, mine.head_scale), (mended.depth, mended.head_scale))


if __name__ == "__main__":
    unittest.main()
