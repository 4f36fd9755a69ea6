"""Runs beside each other, with differences that were put in."""

import numpy as np
import pandas as pd
import pytest

from lib.config.train import Train
from lib.evaluation import comparison
from lib.metrics import registry
from lib.tracking import session, store

RNG = np.random.default_rng(0)


def scored(**runs) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "item_id": [f"i{k}" for k in range(len(values))],
                "system": name,
                "pesq": values,
                "lsd_db": -values,
            }
        )
        for name, values in runs.items()
    ]
    return pd.concat(parts).sample(frac=1, random_state=0)


def test_parameters_that_are_alike_are_left_out_and_missing_ones_are_not():
    table = comparison.differing(
        {"a": {"lr": 1e-3, "seed": 0}, "b": {"lr": 1e-3, "seed": 1}, "c": {"lr": 1e-3}}
    )
    assert table.index.tolist() == ["seed"] and table.loc["seed", ["a", "b"]].tolist() == [0, 1]


def test_differences_are_paired_and_the_first_run_is_what_all_are_held_against():
    base = RNG.normal(2, 1, 40)
    found = comparison.paired(
        scored(base=base, more=base + 0.1 + 0.01 * RNG.normal(size=40), same=base), "base"
    )
    found = found.set_index(["metric", "system"])
    more = found.loc[("pesq", "more")]
    assert (
        more.difference == pytest.approx(0.1, abs=0.01) and more.low > 0.09 and more.better == 1.0
    )
    assert more.p_value < 1e-6 and found.loc[("lsd_db", "more")].difference == pytest.approx(
        -0.1, abs=0.01
    )
    assert (
        np.isnan(found.loc[("pesq", "same")].p_value)
        and found.loc[("pesq", "same")].difference == 0
    )


def test_runs_are_found_by_id_or_by_a_condition_and_too_few_are_refused():
    names = []
    for seed in (31, 32):
        run, _ = session.start("train", Train, {"seed": seed, "corpus": "compared"})
        for epoch in range(3):
            run.metrics({"valid/lsd_db": 5.0 - epoch}, step=epoch)
        run.finish()
        names.append(run.id)
    by_condition = comparison.choose_runs([], "params.corpus = 'compared'")
    assert (
        [run.info.run_id for run in by_condition]
        == names
        == [run.info.run_id for run in comparison.choose_runs(names, "")]
    )
    table = comparison.histories(by_condition, ["A", "B"], ["valid/lsd_db", "valid/pesq"])
    assert table["valid/lsd_db/A"].tolist() == table["valid/lsd_db/B"].tolist() == [5, 4, 3]
    assert table["epoch"].tolist() == [0, 1, 2] and table["valid/pesq/B"].isna().all()
    about = comparison.run_table(by_condition, ["A: seed=31", "B: seed=32"])
    assert about["id"].tolist() == names and about["name"].tolist() == [
        f"seed={seed}, corpus=compared" for seed in (31, 32)
    ]
    for ids, condition, message in [
        (names[:1], "", "found 1 of train, expected 2 to 7"),
        ([names[0], names[0]], "", "expected each run once"),
        ([], "params.corpus = 'never'", "'never'\": found 0 of train, expected 2 to 7"),
        ([], "corpus is compared", "condition = 'corpus is compared': Invalid"),
    ]:
        with pytest.raises(ValueError, match=message):
            comparison.choose_runs(ids, condition)
    with pytest.raises(store.NoRunError, match="no such run"):
        comparison.choose_runs(["0123", names[0]], "")


def test_a_sweep_has_no_weights_and_its_message_is_the_condition_that_finds_its_runs():
    sweep = store.client().create_run(store.experiment("train"), tags={"sweep": "1"}).info.run_id
    with pytest.raises(
        ValueError, match=f"{sweep} is a sweep; .*tags.mlflow.parentRunId = '{sweep}'"
    ):
        comparison.choose_runs([sweep], "")


def test_labels_tell_runs_apart_by_what_differs_or_by_their_names():
    few = [{"lr": 1e-3, "seed": 0, "epochs": 3}, {"lr": 1e-3, "seed": 1, "epochs": 4}]
    assert comparison.labels(["x", "y"], few) == ["A: seed=0, epochs=3", "B: seed=1, epochs=4"]
    assert comparison.labels(["x", "x"], [few[0], few[0]]) == ["A: x", "B: x"]
    many = [{name: value for name in "pqrs"} for value in (0, 1)]
    assert comparison.labels(["defaults", "voices, " + "p=1, " * 30], many)[0] == "A: defaults"
    assert all(len(label) <= 63 for label in comparison.labels(["defaults", "p=1, " * 30], many))


def test_the_overview_has_a_row_for_each_run_and_marks_what_is_no_chance():
    base = RNG.normal(2, 1, 40)
    table = comparison.paired(
        scored(base=base, more=base + 0.1 + 0.01 * RNG.normal(size=40), same=base), "base"
    )
    found = comparison.overview(table)
    assert list(found) == [name for name in registry.NAMES if name in ("pesq", "lsd_db")]
    assert (
        set(found.index) == {"more", "same"} and found.loc["same", "pesq"] == "+0.00 [+0.00, +0.00]"
    )
    assert found.loc["more", "pesq"].startswith("+0.10 [") and found.loc["more", "pesq"].endswith(
        "*"
    )
