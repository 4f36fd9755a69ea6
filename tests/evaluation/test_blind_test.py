"""Blind tests: the order of a page, and the statistics of answers that are known."""

import json

import numpy as np
import pytest

from lib.evaluation import blind_test

ITEMS = [f"item {i}" for i in range(5)]
PAIR = ("enhanced", "restored")


def test_the_order_follows_from_the_seed_and_every_item_comes_as_often():
    one, again, other = (blind_test.abx_order(ITEMS, PAIR, 4, seed) for seed in (1, 1, 2))
    assert one == again != other
    assert sorted(trial["item_id"] for trial in one) == sorted(ITEMS * 4)
    assert all({trial["a"], trial["b"]} == set(PAIR) and trial["x"] in PAIR for trial in one)
    many = blind_test.abx_order(ITEMS, PAIR, 200, 0)
    assert np.mean([trial["x"] == trial["a"] for trial in many]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([trial["x"] == "restored" for trial in many]) == pytest.approx(0.5, abs=0.05)


def answers(right: int, n_repeats: int = 2) -> dict:
    """The file of a listener whose first `right` answers are right."""
    trials = blind_test.abx_order(ITEMS, PAIR, n_repeats, seed=3)
    true = ["a" if trial["x"] == trial["a"] else "b" for trial in trials]
    other = {"a": "b", "b": "a"}
    given = [answer if i < right else other[answer] for i, answer in enumerate(true)]
    return {
        "kind": "abx",
        "seed": 3,
        "items": ITEMS,
        "systems": list(PAIR),
        "n_repeats": n_repeats,
        "answers": given,
    }


def test_ten_of_ten_by_guessing_happen_once_in_1024_times():
    result = blind_test.abx_result([answers(10)])
    assert (result["n_trials"], result["n_right"], result["share"]) == (10, 10, 1.0)
    assert result["p_value"] == pytest.approx(2**-10) and result["high"] == 1.0
    half = blind_test.abx_result([answers(5)])
    assert half["p_value"] == pytest.approx(0.623, abs=0.001) and half["low"] < 0.5 < half["high"]


def test_ratings_get_the_names_of_their_systems_back():
    given = {"clean": 100.0, "restored": 80.0, "enhanced": 60.0, "anchor": 10.0}
    order = blind_test.rating_order(ITEMS, PAIR, seed=4)
    values = [[given[name] for name in screen["systems"]] for screen in order]
    saved = {"kind": "rating", "seed": 4, "items": ITEMS, "systems": list(PAIR), "answers": values}
    result = blind_test.rating_result(blind_test.ratings([saved]))
    assert result.system.tolist() == ["anchor", "enhanced", "restored", "clean"]
    assert result.rating.tolist() == [10, 60, 80, 100] and (result.n_items == 5).all()


def test_a_second_listener_is_no_second_item():
    order = blind_test.rating_order(ITEMS, PAIR, seed=4)
    ratings = []
    for offset in (0.0, 10.0):
        values = [[offset + i + k for k in range(4)] for i in range(len(order))]
        ratings.append({"kind": "rating", "seed": 4, "items": ITEMS, "systems": list(PAIR)})
        ratings[-1]["answers"] = values
    one = blind_test.rating_result(blind_test.ratings(ratings[:1]))
    both = blind_test.rating_result(blind_test.ratings(ratings))
    np.testing.assert_allclose(both.rating, one.rating + 5)
    assert (both.n_items == 5).all() and len(blind_test.ratings(ratings)) == 2 * 5 * 4


def test_a_file_without_all_answers_is_refused_by_name(tmp_path):
    path = tmp_path / "abx.json"
    unfinished = json.dumps(answers(3) | {"answers": ["a"]})
    for text, message in (
        ("{", "no answers"),
        (json.dumps({"kind": "abx"}), "no answers"),
        (unfinished, "1 of 10 answers of the test `abx`: finish the page"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            blind_test.read_answers(path)
    path.write_text(json.dumps(answers(3)))
    assert blind_test.abx_result([blind_test.read_answers(path)] * 2)["n_right"] == 6
