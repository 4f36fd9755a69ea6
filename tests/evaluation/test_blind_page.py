"""Blind pages: all sounds have one loudness, and no system is named.

Whether they play and save answers is tested in `tests/test_browser.py`.
"""

import json
import re

import numpy as np
import pyloudnorm
import pytest
from evaluation.score_tables import Page
from signals import RATE, voiced

from lib.evaluation import blind_page, blind_test

PAIR = ("enhanced", "restored")
ITEMS = {"one": {name: voiced(1.0, seed=i) for i, name in enumerate((*PAIR, "clean"))}}


@pytest.fixture(scope="module")
def pages():
    return {
        "abx": blind_page.abx_page("A </script> test", ITEMS, PAIR, RATE, n_repeats=2, seed=5),
        "rating": blind_page.rating_page("A </script> test", ITEMS, PAIR, RATE, seed=5),
    }


def test_all_sounds_of_a_trial_have_one_loudness_within_full_scale():
    signals = {
        "one": 0.1 * voiced(3.0),
        "two": voiced(3.0, seed=1),
        "three": 4 * voiced(8.0, seed=2),
    }
    matched = blind_page.match_loudness(signals, RATE)
    meter = pyloudnorm.Meter(RATE)
    values = [meter.integrated_loudness(signal.astype(np.float64)) for signal in matched.values()]
    assert np.ptp(values) < 0.05 and max(np.abs(signal).max() for signal in matched.values()) <= 1
    assert len(matched["three"]) == blind_page.SECONDS * RATE


def test_a_signal_without_loudness_is_named():
    with pytest.raises(ValueError, match="restored: silent"):
        blind_page.match_loudness({"enhanced": voiced(1.0), "restored": np.zeros(RATE)}, RATE)


@pytest.mark.parametrize("kind, n_screens, n_sounds", [("abx", 2, 6), ("rating", 1, 5)])
def test_a_page_names_no_system_beside_its_sounds(pages, kind, n_screens, n_sounds):
    page = pages[kind]
    sounds = page[page.index("<section") : page.rindex("</section>")]
    assert not any(name in sounds for name in (*PAIR, "clean", "anchor"))
    tags = [tag for tag, _ in Page(page).tags]
    assert (tags.count("section"), tags.count("audio")) == (n_screens, n_sounds)


@pytest.mark.parametrize("kind", ["abx", "rating"])
def test_a_page_saves_what_its_order_follows_from(pages, kind):
    saved = re.search(r'id="about">(.*?)</script>', pages[kind])[1]
    order = json.loads(saved)
    assert order["kind"] == kind and order["title"] == "A </script> test" and order["seed"] == 5
    assert len(blind_test.order_of(order)) == pages[kind].count("<section")
