"""What the commands that take a model's files have in common on their command lines."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from liquid_adapt_ros.share import share_folder

LONGEST_S = 600.0


def model_parser(program: str, documentation: str) -> argparse.ArgumentParser:
    """A parser with --model and --encoder, by default those shipped.

    documentation: the module's; its second paragraph is the description.
    """
    models = share_folder() / "models"
    parser = argparse.ArgumentParser(
        prog=program,
        description=documentation.split("\n\n")[1],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--model", type=Path, default=models / "conveyor_policy.safetensors", help="core and head")
    add("--encoder", type=Path, default=models / "conveyor_encoder.onnx", help="its encoder")
    return parser


def duration(shortest_s: float) -> Callable[[str], float]:
    """The type of an option that takes a duration, from shortest_s to LONGEST_S [s]."""

    def parse(text: str) -> float:
        value = float(text)
        if not shortest_s <= value <= LONGEST_S:
            raise argparse.ArgumentTypeError(
                f"{text} is not between {shortest_s:g} and {LONGEST_S:g}"
            )
        return value

    return parse
