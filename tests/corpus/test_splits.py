"""Splits follow from seed and path, are never empty, and obey the hold-outs."""

import pandas as pd
import pytest

from lib.corpus.splits import split_paths

PATHS = pd.Series([f"{i:02d}.wav" for i in range(50)])
NONE = PATHS == ""


def test_shares_are_those_that_were_asked_for():
    splits = pd.Series(split_paths(PATHS, NONE, 0, 0.1, 0.2)).value_counts()
    assert splits.to_dict() == {"train": 35, "test": 10, "valid": 5}


def test_another_seed_splits_otherwise_and_the_order_of_paths_does_not_matter():
    splits = split_paths(PATHS, NONE, 0, 0.1, 0.2)
    assert split_paths(PATHS, NONE, 1, 0.1, 0.2) != splits
    assert split_paths(PATHS[::-1], NONE[::-1], 0, 0.1, 0.2) == splits


def test_one_more_path_moves_few_others():
    fewer = split_paths(PATHS[:49], NONE[:49], 0, 0.1, 0.2)
    more = split_paths(PATHS, NONE, 0, 0.1, 0.2)
    assert sum(more[path] != split for path, split in fewer.items()) <= 2


@pytest.mark.parametrize("n_paths", [3, 4])
def test_few_paths_fill_every_split(n_paths):
    splits = split_paths(PATHS[:n_paths], NONE[:n_paths], 0, 0.01, 0.0)
    assert set(splits.values()) == {"train", "valid", "test"}


def test_held_out_paths_are_in_test_and_fill_it():
    splits = split_paths(PATHS[:3], PATHS[:3] == "01.wav", 0, 0.1, 0.0)
    assert splits["01.wav"] == "test" and sorted(splits.values()) == ["test", "train", "valid"]


@pytest.mark.parametrize(("n_paths", "n_held_out", "n_needed"), [(2, 0, 3), (2, 1, 2)])
def test_too_few_paths_are_refused(n_paths, n_held_out, n_needed):
    paths = PATHS[:n_paths]
    with pytest.raises(ValueError, match=f"noise files .* expected at least {n_needed}"):
        split_paths(paths, pd.Series(paths.index < n_held_out), 0, 0.1, 0.2, "noise")
