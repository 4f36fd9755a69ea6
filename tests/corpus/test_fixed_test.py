"""A test of fixed size is even over speakers and SNRs, and no mixture occurs twice."""

import math
from collections import Counter

from lib.corpus.fixed_test import fixed_items

PATHS = {"anna": [f"anna/{i}" for i in range(7)], "ben": ["ben/0", "ben/1"], "eve": ["eve/0"]}
SNR_DB = [-5.0, 5.0, 15.0]


def test_speakers_and_snrs_are_even_and_utterances_are_used_again():
    items = fixed_items(PATHS, 36, 6, SNR_DB, seed=0)
    assert len(items) == 42 == len({(item.path, item.item) for item in items})
    noisy = [item for item in items if not math.isnan(item.snr_db)]
    pairs = Counter((item.path.split("/")[0], item.snr_db) for item in noisy)
    assert len(noisy) == 36 and set(pairs.values()) == {4} and len(pairs) == 9
    clean = Counter(item.path.split("/")[0] for item in items[36:])
    assert clean == {"anna": 2, "ben": 2, "eve": 2}
    # No utterance has a second turn before all others had their first.
    uses = Counter(item.path for item in items)
    assert {uses[path] for path in PATHS["anna"]} == {2}
    assert {uses[path] for path in PATHS["ben"]} == {7} and uses["eve/0"] == 14


def test_an_utterance_does_not_always_meet_the_same_snr():
    items = fixed_items({"a": ["0", "1", "2"]}, 90, 0, SNR_DB, seed=0)
    assert all(
        {item.snr_db for item in items if item.path == path} == set(SNR_DB) for path in "012"
    )


def test_they_follow_from_the_seed():
    one, again, other = (fixed_items(PATHS, 9, 0, SNR_DB, seed) for seed in (0, 0, 1))
    assert one == again != other
