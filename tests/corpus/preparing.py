"""Corpora that the tests of this folder prepare."""

from pathlib import Path

import pandas as pd

from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import plan, sources
from lib.corpus.render import render


def draw(root: Path, **options) -> plan.Plan:
    """The plan of `speech`, `noise` and `rooms` below `root`, by one process."""
    p = build(Prepare, {"n_processes": 1, "p_reverb": 0.5} | options)
    return plan.draw(p, sources.Sources(root / "speech", root / "noise", root / "rooms"))


def prepare(root: Path, corpus: str, **options) -> tuple[plan.Plan, sources.Sources, pd.DataFrame]:
    """A corpus of `speech`, `noise` and `rooms` below `root`: its plan, folders and manifest."""
    defaults = {"corpus": corpus, "items_per_utterance": 2, "n_processes": 1, "p_reverb": 0.5}
    p = build(Prepare, defaults | options)
    folders = sources.choose(root / "speech", root / "noise", root / "rooms")
    drawn = plan.draw(p, folders)
    return drawn, folders, render(corpus, drawn, folders, p.n_processes)
