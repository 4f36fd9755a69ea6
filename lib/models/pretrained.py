"""The generator that comes with this repository."""

import json
from pathlib import Path
from types import SimpleNamespace

from safetensors import SafetensorError, safe_open
from torch import nn

from lib.models.generator import GENERATOR_PARAMETERS, build_generator

WEIGHTS = Path(__file__).parents[1] / "weights" / "restorer.safetensors"


def load_weights(path: Path = WEIGHTS, device: str = "cpu") -> nn.Module:
    """The generator that was stored, in single precision and eval mode. Raises `ValueError` if the file is none of these."""
    weights, about = read_weights(path)
    generator = build_generator(
        SimpleNamespace(**{name: about["params"][name] for name in GENERATOR_PARAMETERS})
    )
    generator.load_state_dict({name: value.float() for name, value in weights.items()})
    return generator.to(device).eval()


def weights_info(path: Path = WEIGHTS) -> dict:
    """What stored weights were made from: `params` of the training; `origin`: run, commit, epoch, versions, hashes."""
    return read_weights(path)[1]


def read_weights(path: Path) -> tuple[dict, dict]:
    try:
        with safe_open(path, "pt") as file:
            about = {name: json.loads(file.metadata()[name]) for name in ("params", "origin")}
            return {name: file.get_tensor(name) for name in file.keys()}, about
    except (SafetensorError, OSError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: no weights of this project ({type(error).__name__})") from None
