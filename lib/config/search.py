"""The points of a sweep: a grid or a random search over a notebook's parameters."""

import itertools
import math
from typing import Any

import numpy as np

from lib.config.base import build
from lib.config.models import MODELS

KNOWN = {"notebook", "fixed", "grid", "random"}


def sweep_points(described: dict[str, Any]) -> list[dict]:
    """The parameters of each point, `fixed` ones included.

    >>> sweep_points({"notebook": "train", "fixed": {"epochs": 2}, "grid": {"seed": [0, 1]}})
    [{'epochs': 2, 'seed': 0}, {'epochs': 2, 'seed': 1}]
    >>> drawn = sweep_points({"notebook": "train", "random": {"n": 100, "seed": 0, "lr": {"min": 1e-4, "max": 1e-2, "log": True}}})
    >>> len(drawn), sum(point["lr"] < 1e-3 for point in drawn) in range(35, 65)
    (100, True)

    Raises:
        ValueError: neither or both of `grid` and `random`, an unknown word, or a range that is none.
        ParameterError: a point is refused by the notebook's model, by name, before any work.
    """
    if unknown := set(described) - KNOWN:
        raise ValueError(
            f"{', '.join(sorted(unknown))}: expected notebook, fixed, and grid or random"
        )
    if ("grid" in described) == ("random" in described):
        raise ValueError("expected either grid or random")
    if described.get("notebook") not in MODELS:
        raise ValueError(
            f"notebook = {described.get('notebook')!r}: expected one of {', '.join(MODELS)}"
        )
    fixed, model = described.get("fixed", {}), MODELS[described["notebook"]]
    searched = _grid(described["grid"]) if "grid" in described else _random(described["random"])
    found = [fixed | point for point in searched]
    for point in found:
        build(model, point)
    return found


def _grid(lists: dict[str, list]) -> list[dict]:
    if wrong := [
        name for name, values in lists.items() if not isinstance(values, list) or not values
    ]:
        raise ValueError(f"grid: {wrong[0]} = {lists[wrong[0]]!r}, expected a list")
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def _random(described: dict) -> list[dict]:
    ranges = {name: value for name, value in described.items() if name not in ("n", "seed")}
    rng = np.random.default_rng(described.get("seed", 0))
    return [
        {name: _drawn(name, value, rng) for name, value in ranges.items()}
        for _ in range(described["n"])
    ]


def _drawn(name: str, value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, list) and value:
        return value[int(rng.integers(len(value)))]
    try:
        low, high = value["min"], value["max"]
        if value.get("log"):
            return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")
        whole = isinstance(low, int) and isinstance(high, int)
        return int(rng.integers(low, high + 1)) if whole else float(f"{rng.uniform(low, high):.3g}")
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"random: {name} = {value!r}, expected a list, or min and max") from None
