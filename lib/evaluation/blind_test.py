"""Blind listening tests as one HTML file each: ABX, and ratings from 0 to 100 beside an open reference; and what answers say.

A page holds its sounds in an order drawn from a seed, and no name of a system: only who has the seed can read the answers.
It plays from disk and inside the MLflow UI, whose frame blocks downloads: there the answers are shown as text to copy.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats

from lib.metrics import stats

REFERENCE, ANCHOR = "clean", "anchor"


def abx_order(
    item_ids: Sequence[str], systems: tuple[str, str], n_repeats: int, seed: int
) -> list[dict]:
    """The trials: `item_id`, which system `a`, `b` and `x` are. Everything follows from the seed.

    >>> [sorted(trial) for trial in abx_order(["one"], ("enhanced", "restored"), 2, seed=0)]
    [['a', 'b', 'item_id', 'x'], ['a', 'b', 'item_id', 'x']]
    """
    rng = np.random.default_rng([seed, 1])
    trials = []
    for item_id in [item_id for item_id in item_ids for _ in range(n_repeats)]:
        a, b = rng.permutation(systems).tolist()
        trials.append({"item_id": item_id, "a": a, "b": b, "x": (a, b)[rng.integers(2)]})
    return [trials[i] for i in rng.permutation(len(trials))]


def rating_order(item_ids: Sequence[str], systems: Sequence[str], seed: int) -> list[dict]:
    """The screens: `item_id`, and `systems` in the order of their letters, the hidden reference and the anchor among them."""
    rng = np.random.default_rng([seed, 2])
    hidden = [*systems, REFERENCE, ANCHOR]
    screens = [
        {"item_id": item_id, "systems": rng.permutation(hidden).tolist()} for item_id in item_ids
    ]
    return [screens[i] for i in rng.permutation(len(screens))]


def read_answers(path: str | Path) -> dict:
    """Answers that a page saved. Raises `ValueError` if the file holds none, or not all."""
    try:
        saved = json.loads(Path(path).read_text(encoding="utf-8"))
        kind, answers = saved["kind"], saved["answers"]
        n_wanted = len(order_of(saved))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: no answers of a blind test ({type(error).__name__})") from None
    if len(answers) != n_wanted:
        raise ValueError(
            f"{path}: {len(answers)} answers of a {kind} test, expected {n_wanted}: finish the page first"
        )
    return saved


def abx_result(said: Sequence[Mapping]) -> dict:
    """How often X was found by all listeners, and how probable that many are by guessing (exact binomial test, one-sided).

    Args:
        said: from `read`, one of each listener.

    Returns: n_listeners, n_trials, n_right, share, low and high (Clopper-Pearson, 95 %), p_value.
    """
    right = [
        answer == ("a" if trial["x"] == trial["a"] else "b")
        for saved in said
        for trial, answer in zip(order_of(saved), saved["answers"], strict=True)
    ]
    n_right, n_trials = sum(right), len(right)
    low, high = scipy.stats.binomtest(n_right, n_trials).proportion_ci(0.95)
    p_value = scipy.stats.binomtest(n_right, n_trials, 0.5, alternative="greater").pvalue
    return {
        "n_listeners": len(said), "n_trials": n_trials, "n_right": n_right, "share": n_right / n_trials,
        "low": low, "high": high, "p_value": p_value,
    }  # fmt: skip


def ratings(said: Sequence[Mapping]) -> pd.DataFrame:
    """One row for each listener, item and system: listener (its number), item_id, system, rating (0 to 100)."""
    rows = []
    for listener, saved in enumerate(said):
        for screen, values in zip(order_of(saved), saved["answers"], strict=True):
            named = zip(screen["systems"], values, strict=True)
            rows += [(listener, screen["item_id"], name, float(value)) for name, value in named]
    return pd.DataFrame(rows, columns=["listener", "item_id", "system", "rating"])


def rating_result(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Mean rating of each system with its 95 % bootstrap interval over items; columns system, rating, low, high, n_items.

    What listeners say of one item is no news of another: their ratings of it count as one, by their mean.
    """
    rows = []
    for system, part in table.groupby("system"):
        of_item = part.groupby("item_id").rating.mean()
        rows.append(
            (system, of_item.mean(), *stats.bootstrap_interval(of_item, seed), len(of_item))
        )
    found = pd.DataFrame(rows, columns=["system", "rating", "low", "high", "n_items"])
    return found.sort_values("rating", ignore_index=True)


def order_of(saved: Mapping) -> list[dict]:
    if saved["kind"] == "abx":
        return abx_order(saved["items"], tuple(saved["systems"]), saved["n_repeats"], saved["seed"])
    return rating_order(saved["items"], saved["systems"], saved["seed"])
