#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write an expectation file (README.md of this folder) of a model and a file of prompts.

    write_expectations.py MODEL PROMPTS OUT [--num-beams 4 --num-return-sequences 4] [--max-new-tokens 32] ...

Settings that are not given come from the model, as switch-gen takes them.
"""

import argparse

import reference


def early_stopping(text):
    return {"false": False, "true": True, "never": "never"}[text]


OPTIONS = {
    "num_beams": int,
    "num_return_sequences": int,
    "max_new_tokens": int,
    "max_length": int,
    "min_new_tokens": int,
    "min_length": int,
    "no_repeat_ngram_size": int,
    "length_penalty": float,
    "repetition_penalty": float,
    "early_stopping": early_stopping,
    "decoder_start_token_id": int,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("prompts", help="one text a line")
    parser.add_argument("out")
    for name, kind in OPTIONS.items():
        parser.add_argument("--" + name.replace("_", "-"), type=kind)
    parser.add_argument("--eos-token-id", type=int, action="append")
    parser.add_argument("--no-stop-at-last-blank", dest="stop_at_last_blank", action="store_false")
    parser.add_argument("--count", type=int, help="only so many prompts, at even distances")
    arguments = vars(parser.parse_args())
    options = {name: arguments[name] for name in OPTIONS if arguments[name] is not None}
    if arguments["eos_token_id"]:
        options["eos_token_id"] = arguments["eos_token_id"]
    options["stop_at_last_blank"] = arguments["stop_at_last_blank"]
    prompts = reference.read_prompts(arguments["prompts"])
    if arguments["count"] is not None:
        prompts = [prompts[i * len(prompts) // arguments["count"]] for i in range(arguments["count"])]
    cases = reference.write_expectations(
        reference.Reference(arguments["model"]), prompts, options, arguments["out"]
    )
    print(f"{arguments['out']}: {len(cases)} cases, {sum(case['dropped_tokens'] for case in cases)} tokens dropped")


if __name__ == "__main__":
    main()
