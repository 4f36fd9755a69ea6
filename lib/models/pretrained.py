"""The generator that comes with this repository, `lib/weights/restorer.safetensors`."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from lib.config.renamed import current_names
from lib.models.generator import GENERATOR_PARAMETERS, make_generator

WEIGHTS = Path(__file__).parents[1] / "weights" / "restorer.safetensors"


def load_weights(path: Path = WEIGHTS, device: str = "cpu") -> nn.Module:
    """The stored generator in single precision and eval mode.

    Raises:
        ValueError: the file holds no weights of this project.

    >>> load_weights().n_inputs
    2
    """
    weights, info = _read(path)
    generator = make_generator(**{name: info["params"][name] for name in GENERATOR_PARAMETERS})
    # Half precision keeps the file small; the network works in single precision.
    generator.load_state_dict({name: value.float() for name, value in weights.items()})
    return generator.to(device).eval()


def weights_info(path: Path = WEIGHTS) -> dict:
    """What stored weights were made from.

    `params` are the parameters of the training; `origin` holds run, commit, epoch, versions and
    hashes.

    Raises:
        ValueError: the file holds no weights of this project.

    >>> sorted(weights_info())
    ['origin', 'params']
    """
    return _read(path)[1]


def _read(path: Path) -> tuple[dict[str, Tensor], dict]:
    try:
        with safe_open(path, "pt") as file:
            # Metadata of safetensors are strings.
            info = {name: json.loads(file.metadata()[name]) for name in ("params", "origin")}
            info["params"] = current_names(info["params"])
            return {name: file.get_tensor(name) for name in file.keys()}, info
    except (SafetensorError, OSError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: no weights of this project ({type(error).__name__})") from None
