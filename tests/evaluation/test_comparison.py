"""Comparison of runs: differences that were put in are found, and few or many runs refused."""

import numpy as np
import pandas as pd
import pytest

from lib.config.train import Train
from lib.evaluation import comparison
from lib.tracking import session, store


def scored(**systems: np.ndarray) -> pd.DataFrame:
    """A table of PESQ for each system, with LSD as its negative, in no order."""
    tables = []
    for system, values in systems.items():
        items = [f"i{k}" for k in range(len(values))]
        columns = {"item_id": items, "system": system, "pesq": values, "lsd_db": -values}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables).sample(frac=1, random_state=0)


@pytest.fixture(scope="module")
def paired() -> pd.DataFrame:
    """40 items: `more` has a PESQ that is 0.1 higher, `same` is the same."""
    rng = np.random.default_rng(0)
    base = rng.normal(2, 1, 40)
    more = base + 0.1 + 0.01 * rng.normal(size=40)
    return comparison.paired(scored(base=base, more=more, same=base), "base")


def test_parameters_that_are_alike_are_left_out_and_missing_ones_are_not():
    table = comparison.differing(
        {"a": {"lr": 1e-3, "seed": 0}, "b": {"lr": 1e-3, "seed": 1}, "c": {"lr": 1e-3}}
    )
    assert table.index.tolist() == ["seed"] and table.loc["seed", ["a", "b"]].tolist() == [0, 1]


def test_differences_are_paired_and_the_first_run_is_what_all_are_compared_with(paired):
    table = paired.set_index(["metric", "system"])
    more, same = table.loc[("pesq", "more")], table.loc[("pesq", "same")]
    assert more.difference == pytest.approx(0.1, abs=0.01)
    assert more.low > 0.09 and more.better == 1.0 and more.p_value < 1e-6
    assert table.loc[("lsd_db", "more")].difference == pytest.approx(-0.1, abs=0.01)
    assert np.isnan(same.p_value) and same.difference == 0


def test_runs_are_found_by_id_or_by_a_condition_and_too_few_are_refused():
    ids = []
    for seed in (31, 32):
        run, _ = session.start("train", Train, {"seed": seed, "corpus": "compared"})
        for epoch in range(3):
            run.metrics({"valid/lsd_db": 5.0 - epoch}, step=epoch)
        run.finish()
        ids.append(run.id)
    runs = comparison.choose_runs([], "params.corpus = 'compared'")
    assert [run.info.run_id for run in runs] == ids
    assert [run.info.run_id for run in comparison.choose_runs(ids[::-1], "")] == ids[::-1]
    history = comparison.histories(runs, ["A", "B"], ["valid/lsd_db", "valid/pesq"])
    assert history["valid/lsd_db/A"].tolist() == history["valid/lsd_db/B"].tolist() == [5, 4, 3]
    assert history["epoch"].tolist() == [0, 1, 2] and history["valid/pesq/B"].isna().all()
    store.client().set_tag(ids[1], "vetoes", "1: pauses")
    runs = comparison.choose_runs(ids, "")
    table = comparison.run_table(runs, ["A: seed=31", "B: seed=32"])
    assert table["vetoes"].tolist() == ["not judged", "1: pauses"]
    assert table["id"].tolist() == ids
    assert table["name"].tolist() == [f"seed={seed}, corpus=compared" for seed in (31, 32)]
    for given, condition, message in [
        (ids[:1], "", "found 1 of train, expected 2 to 7"),
        ([ids[0], ids[0]], "", "expected each run once"),
        ([], "params.corpus = 'never'", "'never'\": found 0 of train, expected 2 to 7"),
        ([], "corpus is compared", "condition = 'corpus is compared': Invalid"),
    ]:
        with pytest.raises(ValueError, match=message):
            comparison.choose_runs(given, condition)
    with pytest.raises(store.NoRunError, match="no such run"):
        comparison.choose_runs(["0123", ids[0]], "")


def test_a_sweep_has_no_weights_and_its_message_is_the_condition_that_finds_its_runs():
    sweep = store.client().create_run(store.experiment("train"), tags={"sweep": "1"}).info.run_id
    message = f"{sweep} is a sweep; .*tags.mlflow.parentRunId = '{sweep}'"
    with pytest.raises(ValueError, match=message):
        comparison.choose_runs([sweep], "")


def test_labels_tell_runs_apart_by_what_differs_or_by_their_names():
    few = [{"lr": 1e-3, "seed": 0, "epochs": 3}, {"lr": 1e-3, "seed": 1, "epochs": 4}]
    assert comparison.labels(["x", "y"], few) == ["A: seed=0, epochs=3", "B: seed=1, epochs=4"]
    assert comparison.labels(["x", "x"], [few[0], few[0]]) == ["A: x", "B: x"]
    many = [{name: value for name in "pqrs"} for value in (0, 1)]
    assert comparison.labels(["defaults", "voices, " + "p=1, " * 30], many)[0] == "A: defaults"
    assert all(len(label) <= 63 for label in comparison.labels(["defaults", "p=1, " * 30], many))


def test_the_overview_has_a_column_for_each_run_and_marks_significant_differences(paired):
    table = comparison.overview(paired)
    # In the order of the registry.
    assert table.index.tolist() == [("reported", "lsd_db"), ("reported", "pesq")]
    assert set(table) == {"more", "same"}
    assert table.loc[("reported", "pesq"), "same"] == "+0.00 [+0.00, +0.00]"
    more = table.loc[("reported", "pesq"), "more"]
    assert more.startswith("+0.10 [") and more.endswith("*")


def test_tables_say_where_the_jury_ends_whatever_the_order_of_the_scores():
    """DNSMOS P.835 stands between two judges in the registry, and is only reported."""
    values = np.arange(4.0)
    scores = scored(a=values, b=values + 1).rename(columns={"pesq": "visqol", "lsd_db": "pesq"})
    scores = scores.assign(dnsmos_ovrl=scores.visqol, distillmos=scores.visqol)
    paired = comparison.paired(scores, "a", n_bootstrap=100)
    rows = [("jury", "distillmos"), ("jury", "visqol")]
    rows += [("reported", "dnsmos_ovrl"), ("reported", "pesq")]
    assert list(zip(paired.part, paired.metric, strict=True)) == rows
    page = comparison.overview(paired).to_html()
    assert page.index("jury") < page.index("visqol") < page.index("reported") < page.index("pesq")
    assert page.count("jury") == page.count("reported") == 1
