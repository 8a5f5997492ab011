#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make tests/fixtures/tiny/spiece.model: a unigram vocabulary of 200 pieces, laid out as T5's.

Comes in: the prompts of the fixtures (our own text), without their sentinels.
Goes out: a SentencePiece model with <pad> 0, </s> 1, <unk> 2 and the normaliser nmt_nfkc.
Holds: the same prompts give the same bytes; no path of this machine stays in the file.
"""

import io
import re
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

FIXTURES = Path(__file__).resolve().parent.parent.parent / "tests" / "fixtures"
PIECES = 200
REQUIRED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-"


def main():
    text = (FIXTURES / "checkpoints" / "prompts.txt").read_text(encoding="utf-8")
    # Without what should stay outside the vocabulary, so that <unk> occurs.
    lines = [re.sub(r"<[^>]*>|[^\x20-\x7e]+", " ", line) for line in text.split("\n")]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for line in lines if line.strip()),
        model_writer=model,
        vocab_size=PIECES,
        model_type="unigram",
        normalization_rule_name="nmt_nfkc",
        required_chars=REQUIRED,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    proto.trainer_spec.ClearField("input")
    proto.trainer_spec.ClearField("model_prefix")
    assert len(proto.pieces) == PIECES
    target = FIXTURES / "tiny" / "spiece.model"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(proto.SerializeToString(deterministic=True))
    print(f"{target}: {len(proto.pieces)} pieces, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
