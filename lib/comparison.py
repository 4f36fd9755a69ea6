"""Training runs beside each other: which parameters differ, their curves, and their scores on the same items."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from lib import metrics

MOST_RUNS = 7  # that a figure can tell apart


def differing(parameters: dict[str, dict]) -> pd.DataFrame:
    """The parameters that are not the same in all runs, a row each, a column for each run.

    Args:
        parameters: name of a run -> its parameters.

    >>> differing({"a": {"epochs": 8, "seed": 0}, "b": {"epochs": 9, "seed": 0}}).to_dict("index")
    {'epochs': {'a': 8, 'b': 9}}
    """
    table = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in parameters.items()})
    unlike = table.astype(str).nunique(axis=1) > 1
    return table[unlike].rename_axis("parameter")


def paired(scores: pd.DataFrame, first: str, seed: int = 0, n_bootstrap: int = 2000) -> pd.DataFrame:
    """Each run against `first` on the same items.

    Args:
        scores: a row for each item and run: item_id, run, and the metrics.

    Returns: columns metric, run, mean, first (its mean), difference (run - first), low, high (95 % bootstrap over items), p_value
        (Wilcoxon's signed-rank test, corrected after Holm for all rows), better (the share of items), n_items.

    Raises:
        KeyError: `first` has no scores.
    """
    rows = []
    for metric in [name for name in metrics.NAMES if name in scores]:
        table = scores.pivot(index="item_id", columns="run", values=metric)
        for run in [name for name in scores["run"].unique() if name != first]:
            pair = table[[run, first]].replace([np.inf, -np.inf], np.nan).dropna()
            difference = (pair[run] - pair[first]).to_numpy()
            low, high = metrics.bootstrap_interval(difference, seed, n_bootstrap)
            rows.append({
                "metric": metric, "run": run, "mean": pair[run].mean(), "first": pair[first].mean(),
                "difference": difference.mean() if len(pair) else np.nan, "low": low, "high": high,
                "p_value": metrics.signed_rank(difference), "better": (metrics.SIGN[metric] * difference > 0).mean(),
                "n_items": len(pair),
            })  # fmt: skip
    found = pd.DataFrame(rows)
    return found.assign(p_value=metrics.holm(found["p_value"]))


def histories(runs: Sequence, names: Sequence[str]) -> pd.DataFrame:
    """What runs recorded over their epochs: a row for each run and epoch, a column for each metric.

    Args:
        runs: MLflow runs.
        names: of metrics, e.g. `valid/lsd_db`.
    """
    from lib import store

    parts = []
    for run in runs:
        columns = {}
        for name in names:
            values = store.client().get_metric_history(run.info.run_id, name)
            columns[name] = pd.Series({value.step: value.value for value in values}, dtype=float)
        parts.append(pd.DataFrame(columns).rename_axis("epoch").reset_index().assign(run=run.info.run_name))
    return pd.concat(parts, ignore_index=True)


def chosen(ids: Sequence[str], condition: str) -> list:
    """The FINISHED training runs with these ids, or the newest that meet a condition in MLflow's language, oldest first.

    Raises:
        ValueError: fewer than 2 or more than 7 of them.
        NoRunError: an id is none.
    """
    from lib import store

    if ids:
        found = [store.by_id(store.find(one), "train") for one in ids]
    else:
        also = f" and {condition}" if condition else ""
        finished = store.newest_first("train", f"attributes.status = 'FINISHED'{also}")
        found = [run for run in finished if "sweep" not in run.data.tags][:MOST_RUNS][::-1]
    if not 2 <= len(found) <= MOST_RUNS:
        raise ValueError(
            f"runs = {list(ids)}, condition = {condition!r}: {len(found)} runs, expected 2 to {MOST_RUNS} of train"
        )
    return found


def scored(run, corpus: str, rows: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """Scores of what a run restores: item_id, run, and the metrics. They are kept beside the runs and not computed again.

    Args:
        run: MLflow run of `train`; its checkpoint `best` restores.
        rows: usable manifest rows of `corpus`.
    """
    from lib import RUNS, pairs, restore, tracking

    about = [run.info.run_id, pairs.sha256(corpus), sorted(rows.id), metrics.NAMES]
    path = RUNS / "cache" / "scores" / f"{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]}.csv"
    if not path.exists():
        generator = restore.load(tracking.download(run.info.run_id, "checkpoints/best.pt"))
        names = []

        def jobs():
            for row, signals in restore.restore_pairs({"restored": generator}, corpus, rows):
                names.append(row["item_id"])
                yield signals["restored"], signals["clean"], row["bandwidth_hz"]

        found = metrics.score_all(jobs(), pairs.SAMPLE_RATE, n_processes, total=len(rows))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        pd.DataFrame(found).assign(item_id=names).to_csv(part, index=False)
        part.replace(path)
    return pd.read_csv(path).assign(run=run.info.run_name)
