"""The points of a sweep: a grid or a random search over a notebook's parameters."""

import itertools
import math
from typing import Any

import numpy as np

from lib.config.base import build
from lib.config.models import MODELS

SECTIONS = ("notebook", "fixed", "grid", "random")  # that a sweep's file may have


def sweep_points(sweep: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters of each point, with those that are the same in all points.

    Args:
        sweep: content of the file. `notebook` is the notebook's name. `fixed` holds parameters
            that are the same in all points. Then either `grid` or `random`: `grid` holds a list of
            values for each parameter, and every combination is a point. `random` holds the number
            of points `n`, a `seed`, and for each parameter a list to choose from, `{min, max}`, or
            `{min, max, log: true}`.

    Raises:
        ValueError: a section is unknown, missing or malformed, or a list or range is.
        ParameterError: the notebook's model refuses a point.

    >>> sweep_points({"notebook": "train", "fixed": {"epochs": 2}, "grid": {"seed": [0, 1]}})
    [{'epochs': 2, 'seed': 0}, {'epochs': 2, 'seed': 1}]
    >>> lr = {"min": 1e-4, "max": 1e-2, "log": True}
    >>> points = sweep_points({"notebook": "train", "random": {"n": 100, "seed": 0, "lr": lr}})
    >>> len(points), sum(point["lr"] < 1e-3 for point in points) in range(35, 65)
    (100, True)
    """
    if unknown := sorted(set(sweep) - set(SECTIONS)):
        raise ValueError(f"{', '.join(unknown)}: expected notebook, fixed, and grid or random")
    if ("grid" in sweep) == ("random" in sweep):
        raise ValueError("expected either grid or random")
    for section in set(sweep) & {"fixed", "grid", "random"}:
        if not isinstance(sweep[section], dict):
            raise ValueError(f"{section} = {sweep[section]!r}: expected names and values")
    # A list has no hash, so it is asked for its type before the dict is.
    if not isinstance(sweep.get("notebook"), str) or sweep["notebook"] not in MODELS:
        raise ValueError(
            f"notebook = {sweep.get('notebook')!r}: expected one of {', '.join(MODELS)}"
        )
    fixed, model = sweep.get("fixed", {}), MODELS[sweep["notebook"]]
    varied = _grid(sweep["grid"]) if "grid" in sweep else _random(sweep["random"])
    points = [fixed | point for point in varied]
    # A mistake is found before the first point is executed, not after hours.
    built = [build(model, point) for point in points]
    # With the types of the model: a number that was written as text is a number here.
    return [
        {name: getattr(p, name) for name in point} for p, point in zip(built, points, strict=True)
    ]


def _grid(lists: dict[str, list]) -> list[dict[str, Any]]:
    for name, values in lists.items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"grid: {name} = {values!r}, expected a list")
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def _random(section: dict[str, Any]) -> list[dict[str, Any]]:
    ranges = {name: value for name, value in section.items() if name not in ("n", "seed")}
    # A sweep that goes on must draw the same points again.
    rng = np.random.default_rng(_count("seed", section.get("seed", 0), 0))
    n_points = _count("n", section.get("n"), 1)
    return [
        {name: _draw(name, value, rng) for name, value in ranges.items()} for _ in range(n_points)
    ]


def _count(name: str, value: Any, least: int) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"random: {name} = {value!r}, expected a whole number from {least} on")
    return value


def _draw(name: str, value: Any, rng: np.random.Generator) -> Any:
    """A value from a list or a range. Real numbers get three digits, so that names stay short."""
    if isinstance(value, list) and value:
        return value[int(rng.integers(len(value)))]
    try:
        low, high = (_number(value[end]) for end in ("min", "max"))
        if value.get("log"):
            # An even exponent: each power of ten gets as many values.
            return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")
        if isinstance(low, int) and isinstance(high, int):
            # `max` is one of the values.
            return int(rng.integers(low, high + 1))
        return float(f"{rng.uniform(low, high):.3g}")
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"random: {name} = {value!r}, expected a list, or min and max") from None


def _number(value: Any) -> int | float:
    """A number that may have been written as text, such as 1e-4."""
    return float(value) if isinstance(value, str) else value
