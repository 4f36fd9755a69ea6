"""The collector: items pass as they are, and their colour is known afterwards."""

import numpy as np
import pytest
from evaluation.score_tables import noisy_items

from lib.evaluation.collecting import Collector


def test_items_pass_unchanged_and_only_the_first_are_kept():
    items = list(noisy_items(3))
    collector = Collector(["restored"], n_examples=2)
    passed = list(collector.watch(iter(items)))
    assert len(passed) == 3
    for (row, signals), (same_row, same_signals) in zip(passed, items, strict=True):
        assert row is same_row and signals is same_signals
    assert [row["item_id"] for row, _ in collector.examples] == ["<item> & 0", "<item> & 1"]


def test_the_colour_of_each_system_is_measured_and_the_chosen_one_is_called_restored():
    items = []
    for row, signals in noisy_items(2):
        clean = signals["clean"]
        systems = {"enhanced": clean / 2, "restored": clean, "restored by B": 2 * clean}
        items.append((row, systems | {"clean": clean}))
    collector = Collector(["restored", "restored by B"])
    list(collector.watch(items))
    assert not collector.examples
    for system, level_db in (("restored", 0.0), ("restored by B", 6.02)):
        table = collector.colours(system)
        assert len(table) == 2 * 2 * 32
        means = table.groupby("system").change_db.mean()
        assert means.to_dict() == pytest.approx({"enhanced": -6.02, "restored": level_db}, abs=0.01)
    assert np.allclose(table.snr_db, 0.0)
