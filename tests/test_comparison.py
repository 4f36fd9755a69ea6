"""Runs beside each other, with differences that were put in."""

import numpy as np
import pandas as pd
import pytest

from lib import comparison, params, store, tracking

RNG = np.random.default_rng(0)


def scored(**runs) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"item_id": [f"i{k}" for k in range(len(values))], "run": name, "pesq": values, "lsd_db": -values})
        for name, values in runs.items()
    ]
    return pd.concat(parts).sample(frac=1, random_state=0)


def test_parameters_that_are_alike_are_left_out_and_missing_ones_are_not():
    table = comparison.differing({"a": {"lr": 1e-3, "seed": 0}, "b": {"lr": 1e-3, "seed": 1}, "c": {"lr": 1e-3}})
    assert table.index.tolist() == ["seed"] and table.loc["seed", ["a", "b"]].tolist() == [0, 1]


def test_differences_are_paired_and_the_first_run_is_what_all_are_held_against():
    base = RNG.normal(2, 1, 40)
    found = comparison.paired(scored(base=base, more=base + 0.1 + 0.01 * RNG.normal(size=40), same=base), "base")
    found = found.set_index(["metric", "run"])
    more = found.loc[("pesq", "more")]
    assert more.difference == pytest.approx(0.1, abs=0.01) and more.low > 0.09 and more.better == 1.0
    assert more.p_value < 1e-6 and found.loc[("lsd_db", "more")].difference == pytest.approx(-0.1, abs=0.01)
    assert np.isnan(found.loc[("pesq", "same")].p_value) and found.loc[("pesq", "same")].difference == 0


def test_runs_are_found_by_id_or_by_a_condition_and_too_few_are_refused():
    names = []
    for seed in (31, 32):
        run, _ = tracking.start("train", params.Train, {"seed": seed, "corpus": "compared"})
        for epoch in range(3):
            run.metrics({"valid/lsd_db": 5.0 - epoch}, step=epoch)
        run.finish()
        names.append(run.id)
    by_condition = comparison.chosen([], "params.corpus = 'compared'")
    assert (
        [run.info.run_id for run in by_condition] == names == [run.info.run_id for run in comparison.chosen(names, "")]
    )
    table = comparison.histories(by_condition, ["valid/lsd_db", "valid/pesq"])
    assert table["valid/lsd_db"].tolist() == [5, 4, 3] * 2 and table["valid/pesq"].isna().all()
    with pytest.raises(ValueError, match="1 runs, expected 2 to 7"):
        comparison.chosen(names[:1], "")
    with pytest.raises(store.NoRunError, match="no such run"):
        comparison.chosen(["0123", names[0]], "")
