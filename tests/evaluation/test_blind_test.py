"""Blind tests: loudness, order, and what answers say, with numbers known beforehand. The pages themselves: test_browser."""

import json

import numpy as np
import pyloudnorm
import pytest
from signals import RATE, voiced

from lib.evaluation import blind_page, blind_test

ITEMS = [f"item {i}" for i in range(5)]
PAIR = ("enhanced", "restored")


def test_all_sounds_of_a_trial_have_one_loudness_within_full_scale():
    loud = blind_page.match_loudness(
        {"one": 0.1 * voiced(3.0), "two": voiced(3.0, seed=1), "three": 4 * voiced(8.0, seed=2)},
        RATE,
    )
    meter = pyloudnorm.Meter(RATE)
    values = [meter.integrated_loudness(signal.astype(np.float64)) for signal in loud.values()]
    assert np.ptp(values) < 0.05 and max(np.abs(signal).max() for signal in loud.values()) <= 1.0
    assert len(loud["three"]) == blind_page.SECONDS * RATE


def test_a_signal_without_loudness_is_named():
    with pytest.raises(ValueError, match="restored: silent"):
        blind_page.match_loudness({"enhanced": voiced(1.0), "restored": np.zeros(RATE)}, RATE)


def test_the_order_follows_from_the_seed_and_every_item_comes_as_often():
    one, again, other = (blind_test.abx_order(ITEMS, PAIR, 4, seed) for seed in (1, 1, 2))
    assert one == again != other
    assert sorted(trial["item_id"] for trial in one) == sorted(ITEMS * 4)
    assert all({trial["a"], trial["b"]} == set(PAIR) and trial["x"] in PAIR for trial in one)
    many = blind_test.abx_order(ITEMS, PAIR, 200, 0)
    assert np.mean([trial["x"] == trial["a"] for trial in many]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([trial["x"] == "restored" for trial in many]) == pytest.approx(0.5, abs=0.05)


def answers(right: int, n_repeats: int = 2) -> dict:
    trials = blind_test.abx_order(ITEMS, PAIR, n_repeats, seed=3)
    true = ["a" if trial["x"] == trial["a"] else "b" for trial in trials]
    said = [answer if i < right else {"a": "b", "b": "a"}[answer] for i, answer in enumerate(true)]
    return {
        "kind": "abx",
        "seed": 3,
        "items": ITEMS,
        "systems": list(PAIR),
        "n_repeats": n_repeats,
        "answers": said,
    }


def test_ten_of_ten_by_guessing_happen_once_in_1024_times():
    result = blind_test.abx_result([answers(10)])
    assert (result["n_trials"], result["n_right"], result["share"]) == (10, 10, 1.0)
    assert result["p_value"] == pytest.approx(2**-10) and result["high"] == 1.0
    half = blind_test.abx_result([answers(5)])
    assert half["p_value"] == pytest.approx(0.623, abs=0.001) and half["low"] < 0.5 < half["high"]


def test_ratings_find_their_systems_again():
    given = {"clean": 100.0, "restored": 80.0, "enhanced": 60.0, "anchor": 10.0}
    order = blind_test.rating_order(ITEMS, PAIR, seed=4)
    said = [[given[name] for name in screen["systems"]] for screen in order]
    saved = {"kind": "rating", "seed": 4, "items": ITEMS, "systems": list(PAIR), "answers": said}
    result = blind_test.rating_result(blind_test.ratings([saved]))
    assert result.system.tolist() == ["anchor", "enhanced", "restored", "clean"]
    assert result.rating.tolist() == [10, 60, 80, 100] and (result.n_items == 5).all()
    assert blind_test.rating_result(blind_test.ratings([saved, saved])).equals(
        result
    )  # a second listener is no second item


def test_what_is_no_or_half_a_file_of_answers_is_refused_by_name(tmp_path):
    path = tmp_path / "abx.json"
    for text, message in (("{", "no answers"), (json.dumps({"kind": "abx"}), "no answers"),
                          (json.dumps(answers(3) | {"answers": ["a"]}), "1 answers of a abx test, expected 10")):  # fmt: skip
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            blind_test.read_answers(path)
    path.write_text(json.dumps(answers(3)))
    assert blind_test.abx_result([blind_test.read_answers(path)] * 2)["n_right"] == 6


def test_a_page_tells_no_system_beside_its_sounds():
    items = {"one": {name: voiced(1.0, seed=i) for i, name in enumerate((*PAIR, "clean"))}}
    for page in (
        blind_page.abx_page("A test", items, PAIR, RATE),
        blind_page.rating_page("A test", items, PAIR, RATE),
    ):
        sounds = page[page.index("<section") : page.rindex("</section>")]
        assert not any(name in sounds for name in (*PAIR, "clean", "anchor"))
        assert page.count("<audio") == (3 if "X is A" in page else 5)
