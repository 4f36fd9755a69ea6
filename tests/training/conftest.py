"""Fixtures that several files of this folder share; they are made once in a process."""

import pandas as pd
import pytest
from signals import good_sources
from training.trainings import RESUMED, run, settings

from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import plan, sources
from lib.corpus.manifest import usable_rows
from lib.corpus.render import render


@pytest.fixture(scope="session")
def rows(tmp_path_factory) -> dict[str, pd.DataFrame]:
    """Usable rows of the corpus `train`, by split: nine for training, two for validation."""
    root = good_sources(tmp_path_factory.mktemp("sources"))
    shares = {"valid_share": 0.15, "test_share": 0.1}
    p = build(
        Prepare,
        shares | {"corpus": "train", "items_per_utterance": 1, "p_reverb": 0, "n_processes": 1},
    )
    folders = sources.choose(root / "speech", root / "noise", root / "rooms")
    manifest = render("train", plan.draw(p, folders), folders)
    usable = {split: usable_rows(manifest, split) for split in ("train", "valid")}
    assert [len(some) for some in usable.values()] == [9, 2]
    return usable


@pytest.fixture(scope="session")
def whole(rows, tmp_path_factory):
    """An uninterrupted training of 3 epochs of 5 steps: its folder, history and recorder."""
    out = tmp_path_factory.mktemp("whole")
    return out, *run(settings(**RESUMED), rows, out)
