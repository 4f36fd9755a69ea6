"""Which files are for training, validation and test."""

import hashlib

import pandas as pd

SPLITS = ("train", "valid", "test")


def split_paths(
    paths: pd.Series,
    held_out: pd.Series,
    seed: int,
    valid_share: float,
    test_share: float,
    kind: str = "speech",
) -> dict[str, str]:
    """Path -> split, by the order of a hash of (seed, path). No split is empty.

    Args:
        held_out: true for paths that are in test whatever their hash is.
        valid_share, test_share: of the paths that are not held out.
        kind: of file, for the message of an error.

    Raises:
        ValueError: there are too few paths for three splits.

    >>> paths = pd.Series([f"{i}.wav" for i in range(20)])
    >>> splits = split_paths(paths, paths == "7.wav", 0, 0.1, 0.2)
    >>> pd.Series(splits).value_counts().to_dict(), splits["7.wav"]
    ({'train': 13, 'test': 5, 'valid': 2}, 'test')
    """
    free = sorted(paths[~held_out], key=lambda path: _hash(seed, path))
    # Held-out files fill the test split already.
    min_test = 0 if held_out.any() else 1
    n_needed = 2 + min_test
    if len(free) < n_needed:
        raise ValueError(
            f"{len(free)} {kind} files beside the held-out ones: expected at least {n_needed},"
            " since train, valid and test each want one"
        )
    n_test = min(max(round(test_share * len(free)), min_test), len(free) - 2)
    n_valid = min(max(round(valid_share * len(free)), 1), len(free) - n_test - 1)
    order = ["test"] * n_test + ["valid"] * n_valid + ["train"] * (len(free) - n_test - n_valid)
    return dict(zip(free, order, strict=True)) | dict.fromkeys(paths[held_out], "test")


def by_split(splits: dict[str, str]) -> dict[str, list[str]]:
    """Split -> its paths in alphabetical order, from path -> split.

    >>> by_split({"b.wav": "train", "a.wav": "train", "c.wav": "test"})
    {'train': ['a.wav', 'b.wav'], 'valid': [], 'test': ['c.wav']}
    """
    return {name: sorted(path for path in splits if splits[path] == name) for name in SPLITS}


def _hash(seed: int, path: str) -> str:
    return hashlib.sha256(f"{seed} {path}".encode()).hexdigest()
