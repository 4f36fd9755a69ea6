"""Blind listening tests: the order of a page, the answers that it saves, and their statistics.

A page plays its sounds in an order that is drawn from a seed. It holds neither the seed nor the
names of systems and items, but the name of a key. The key stays in `runs/blind`; it alone tells
which answer is about which. A page plays from disk and inside the MLflow UI. The UI's frame
blocks downloads; there the page shows the answers as text to copy.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats

from lib import RUNS
from lib.metrics import stats

REFERENCE = "clean"
ANCHOR = "anchor"


def abx_order(
    item_ids: Sequence[str], systems: tuple[str, str], n_repeats: int, seed: int
) -> list[dict]:
    """The trials of an ABX test: `item_id`, and which system `a`, `b` and `x` are.

    Args:
        n_repeats: trials of each item.

    >>> [sorted(trial) for trial in abx_order(["one"], ("enhanced", "restored"), 2, seed=0)]
    [['a', 'b', 'item_id', 'x'], ['a', 'b', 'item_id', 'x']]
    """
    # The second number keeps the two kinds of tests apart: one seed must not link them.
    rng = np.random.default_rng([seed, 1])
    trials = []
    for item_id in [item_id for item_id in item_ids for _ in range(n_repeats)]:
        # Which system is A is drawn anew for each trial, and so is X.
        a, b = rng.permutation(systems).tolist()
        trials.append({"item_id": item_id, "a": a, "b": b, "x": (a, b)[rng.integers(2)]})
    return [trials[i] for i in rng.permutation(len(trials))]


def rating_order(item_ids: Sequence[str], systems: Sequence[str], seed: int) -> list[dict]:
    """The screens of a rating test: `item_id`, and `systems` in the order of their letters.

    The hidden reference and the anchor are among the systems.

    >>> sorted(rating_order(["one"], ["restored"], seed=0)[0]["systems"])
    ['anchor', 'clean', 'restored']
    """
    rng = np.random.default_rng([seed, 2])
    rated = [*systems, REFERENCE, ANCHOR]
    screens = [
        {"item_id": item_id, "systems": rng.permutation(rated).tolist()} for item_id in item_ids
    ]
    return [screens[i] for i in rng.permutation(len(screens))]


def keep_key(key: Mapping) -> str:
    """Keep everything from which the order of a page follows; returns the name of this key."""
    text = json.dumps(key, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = _key_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return name


def _key_path(name: str) -> Path:
    return RUNS / "blind" / f"{name}.json"


def order_of(answers: Mapping) -> list[dict]:
    """The trials or screens that a listener's answers are about."""
    items, systems, seed = answers["items"], answers["systems"], answers["seed"]
    if answers["kind"] == "abx":
        return abx_order(items, tuple(systems), answers["n_repeats"], seed)
    return rating_order(items, systems, seed)


def read_answers(path: str | Path) -> dict:
    """The answers of one listener, from the file that a page saved, with the key of that page.

    Pages of before saved their key themselves.

    Returns: kind (abx or rating), title, seed, items, systems, listener, and the answers in the
        order of `order_of`.

    Raises:
        ValueError: the file holds no answers, or not all, or the key of its page is missing.
    """
    try:
        saved = json.loads(Path(path).read_text(encoding="utf-8"))
        if "key" in saved:
            key_path = _key_path(saved["key"])
            if not key_path.is_file():
                raise ValueError(f"{path}: {key_path} is missing, the key of the page")
            saved |= json.loads(key_path.read_text(encoding="utf-8"))
        kind, answers = saved["kind"], saved["answers"]
        # The page does not say what it played: that follows from its seed again.
        n_expected = len(order_of(saved))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: no answers of a blind test ({type(error).__name__})") from None
    if len(answers) != n_expected:
        raise ValueError(
            f"{path}: {len(answers)} of {n_expected} answers of the test `{kind}`: "
            "finish the page first"
        )
    return saved


def abx_result(listeners: Sequence[Mapping]) -> dict[str, float]:
    """How often all listeners found X, and how probable that many right answers are by guessing.

    Args:
        listeners: the answers of each, from `read_answers`.

    Returns: n_listeners, n_trials, n_right, share (right of all trials), low and high (its 95 %
        interval after Clopper and Pearson), p_value (exact binomial test, one-sided).
    """
    right = [
        answer == ("a" if trial["x"] == trial["a"] else "b")
        for answers in listeners
        for trial, answer in zip(order_of(answers), answers["answers"], strict=True)
    ]
    # Guessing finds X in half of the trials.
    n_right, n_trials = sum(right), len(right)
    low, high = scipy.stats.binomtest(n_right, n_trials).proportion_ci(0.95)
    guessing = scipy.stats.binomtest(n_right, n_trials, 0.5, alternative="greater")
    return {
        "n_listeners": len(listeners),
        "n_trials": n_trials,
        "n_right": n_right,
        "share": n_right / n_trials,
        "low": low,
        "high": high,
        "p_value": guessing.pvalue,
    }


def ratings(listeners: Sequence[Mapping]) -> pd.DataFrame:
    """A row for each listener, item and system: listener (a number), item_id, system, rating.

    Args:
        listeners: the answers of each, from `read_answers`; ratings are 0 to 100.
    """
    rows = []
    for listener, answers in enumerate(listeners):
        for screen, values in zip(order_of(answers), answers["answers"], strict=True):
            for system, value in zip(screen["systems"], values, strict=True):
                rows.append((listener, screen["item_id"], system, float(value)))
    return pd.DataFrame(rows, columns=["listener", "item_id", "system", "rating"])


def rating_result(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Mean rating of each system, with its 95 % bootstrap interval over items.

    Several ratings of an item are no independent observations: their mean counts once.

    Args:
        table: from `ratings`.
        seed: of the bootstrap.

    Returns: columns system, rating, low, high, n_items, the lowest rating first.
    """
    rows = []
    for system, part in table.groupby("system"):
        # Listeners of one item hear the same sound: items are the sample, not ratings.
        item_means = part.groupby("item_id").rating.mean()
        low, high = stats.bootstrap_interval(item_means, seed)
        rows.append((system, item_means.mean(), low, high, len(item_means)))
    columns = ["system", "rating", "low", "high", "n_items"]
    return pd.DataFrame(rows, columns=columns).sort_values("rating", ignore_index=True)
