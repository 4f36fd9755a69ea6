"""Blind pages: all sounds have one loudness, and no system is named.

Whether they play and save answers is tested in `tests/test_browser.py`.
"""

import base64
import io
import json
import re
from itertools import combinations

import numpy as np
import pyloudnorm
import pytest
import soundfile
from evaluation.score_tables import Page
from signals import RATE, voiced

from lib.evaluation import blind_page, blind_test

PAIR = ("enhanced", "restored")
ITEMS = {"voice_7": {name: voiced(1.0, seed=i) for i, name in enumerate((*PAIR, "clean"))}}


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
def test_a_page_names_nothing_that_tells_its_order(pages, kind, n_screens, n_sounds):
    tags = [tag for tag, _ in Page(pages[kind]).tags]
    assert (tags.count("section"), tags.count("audio")) == (n_screens, n_sounds)
    # All of it: the source of a page can be read.
    source = re.sub('base64,[^"]*', "", pages[kind])
    for name in (*PAIR, "clean", "anchor", "voice_7", "seed", "systems"):
        assert not re.search(rf"\b{name}\b", source), name


def files_of(page: str) -> list[bytes]:
    return [base64.b64decode(data) for data in re.findall('base64,([^"]*)', page)]


@pytest.mark.parametrize("kind, n_files, n_pairs", [("abx", 6, 2), ("rating", 5, 1)])
def test_two_players_of_one_sound_have_other_bytes_of_one_length(pages, kind, n_files, n_pairs):
    """Else X, or the hidden reference, could be found without listening."""
    files = files_of(pages[kind])
    n_screens = n_files // 3 if kind == "abx" else 1
    assert len({len(file) for file in files}) <= n_screens
    # No stretch of 16 bytes of the sounds occurs in two files, wherever it begins.
    stretches = [{file[i : i + 16] for i in range(len(file) // 2, len(file))} for file in files]
    n_distinct, n_stretches = len(set().union(*stretches)), sum(map(len, stretches))
    assert n_distinct == n_stretches
    # The sounds are the same but for their dither (+-1 LSB, and half a step of rounding each).
    sounds = [soundfile.read(io.BytesIO(file))[0] for file in files]
    assert len(sounds) == n_files and {len(sound) for sound in sounds} == {RATE + 480}
    starts = [np.flatnonzero(np.abs(sound) > 2**-14)[0] for sound in sounds]
    cuts = [sound[n : n + RATE // 2] for sound, n in zip(sounds, starts, strict=True)]
    distances = [least_distance(a, b) * 2**15 for a, b in combinations(cuts, 2)]
    assert sum(distance <= 3 for distance in distances) >= n_pairs


def least_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference of two sounds whose starts are known to a few samples."""
    return min(np.abs(a[100:-100] - np.roll(b, lag)[100:-100]).max() for lag in range(-99, 100))


@pytest.mark.parametrize("kind", ["abx", "rating"])
def test_the_key_of_a_page_tells_its_order(pages, kind, tmp_path):
    saved = json.loads(re.search(r'id="about">(.*?)</script>', pages[kind])[1])
    assert set(saved) == {"kind", "key"}
    answers = {"abx": ["a", "b"], "rating": [[0, 1, 2, 3]]}[kind]
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(saved | {"answers": answers, "listener": "7"}))
    read = blind_test.read_answers(path)
    assert read["kind"] == kind and read["title"] == "A </script> test" and read["seed"] == 5
    assert (
        read["items"] == ["voice_7"] and read["systems"] == list(PAIR) and read["listener"] == "7"
    )
    assert len(blind_test.order_of(read)) == pages[kind].count("<section")


def test_answers_without_the_key_of_their_page_are_refused_by_its_name(tmp_path):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps({"kind": "abx", "key": "0123", "answers": ["a"]}))
    with pytest.raises(ValueError, match=r"blind/0123.json is missing, the key of the page"):
        blind_test.read_answers(path)
