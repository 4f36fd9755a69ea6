"""The generator that comes with this repository, `lib/weights/restorer.safetensors`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from lib.config.renamed import current_names
from lib.models.content import content_hash
from lib.models.generator import GENERATOR_PARAMETERS, make_generator

WEIGHTS = Path(__file__).parents[1] / "weights" / "restorer.safetensors"
# What broken or foreign files make json, torch and safetensors raise.
UNREADABLE = (SafetensorError, OSError, LookupError, TypeError, ValueError, AttributeError)


def load_weights(path: Path = WEIGHTS, device: str = "cpu") -> nn.Module:
    """The stored generator in single precision and eval mode.

    Raises:
        ValueError: the file holds no weights of this project, or is damaged.

    >>> load_weights().n_inputs
    2
    """
    weights, info = _read(path)
    return generator_with(weights, info["params"], path, device)


def generator_with(
    weights: Mapping[str, Tensor], params: Mapping[str, Any], path: Path, device: str = "cpu"
) -> nn.Module:
    """The generator that `params` describe, with these weights, in single precision and eval mode.

    Args:
        params: of a training.
        path: of the file that they come from, for errors.

    Raises:
        ValueError: the parameters describe no generator, or one of other weights; a weight is NaN
            or infinite.
    """
    try:
        generator = make_generator(**{name: params[name] for name in GENERATOR_PARAMETERS})
    except (*UNREADABLE, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path}: its parameters describe no generator ({reason})") from None
    try:
        if not all(value.is_floating_point() for value in weights.values()):
            raise TypeError
        # Half precision keeps the file small; the network works in single precision.
        generator.load_state_dict({name: value.float() for name, value in weights.items()})
    except (RuntimeError, TypeError, AttributeError):
        raise ValueError(
            f"{path}: weights of another network than its parameters describe"
        ) from None
    for name, value in generator.state_dict().items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{path}: {name} is NaN or infinite")
    return generator.to(device).eval()


def weights_info(path: Path = WEIGHTS) -> dict:
    """What stored weights were made from.

    `params` are the parameters of the training; `origin` holds run, commit, epoch, versions and
    hashes.

    Raises:
        ValueError: the file holds no weights of this project, or is damaged.

    >>> sorted(weights_info())
    ['origin', 'params']
    """
    return _read(path)[1]


def _read(path: Path) -> tuple[dict[str, Tensor], dict]:
    try:
        with safe_open(path, "pt") as file:
            # Metadata of safetensors are strings.
            metadata = file.metadata()
            info = {name: json.loads(metadata[name]) for name in ("params", "origin")}
            # A name with a flipped bit would be taken for one that came later.
            is_whole = "sha256" not in metadata or set(GENERATOR_PARAMETERS) <= set(info["params"])
            info["params"] = current_names(info["params"])
            weights = {name: file.get_tensor(name) for name in file.keys()}
    except UNREADABLE as error:
        raise ValueError(f"{path}: no weights of this project ({type(error).__name__})") from None
    # Files of former versions have no hash.
    stored = metadata.get("sha256")
    if not is_whole or (stored and stored != content_hash(weights)):
        raise ValueError(f"{path}: is damaged: it does not hold what was stored")
    return weights, info
