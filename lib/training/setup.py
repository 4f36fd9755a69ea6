"""What a training begins with: its pairs, and a checkpoint of another run."""

from pathlib import Path

import pandas as pd

from lib.config.train import Train
from lib.corpus import manifest
from lib.models.generator import GENERATOR_PARAMETERS, OPTIONS
from lib.tracking import store
from lib.tracking.run import Run
from lib.training.checkpoints import read_checkpoint
from lib.training.learner import DISCRIMINATOR_PARAMETERS


def training_data(p: Train, corpus: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """The usable rows of the splits `train` and `valid`, and the identity of the data.

    Args:
        corpus: the manifest of `p.corpus`.

    Raises:
        ValueError: `p.segment_length` is longer than the saved pieces.
    """
    # Before any work: longer segments would be padded with zeros in every item.
    manifest.check_segments(corpus, p.segment_length)
    # A training does not resume on other data: these values are compared then.
    about = {
        "corpus": p.corpus,
        "manifest_sha256": manifest.sha256(p.corpus),
        "df_weights_sha256": corpus.df_weights_sha256.iloc[0],
    }
    return {split: manifest.usable_rows(corpus, split) for split in ("train", "valid")}, about


def initial_checkpoint(p: Train, run: Run) -> Path | None:
    """The checkpoint of the run that `p.init_run` names; None for a new generator.

    `run` remembers that run as its source. When `run` is resumed, it takes the same source again:
    `latest` and `best` may mean another run by then.

    Raises:
        ValueError: its networks differ from those that the parameters describe.
    """
    if not p.init_run:
        return None
    source = (run.resumed and run.source_run) or store.find(p.init_run)
    run.source(source)
    path = store.download(source, f"checkpoints/{p.init_checkpoint}.pt")
    params = read_checkpoint(path)["params"]
    # The gate has no weights, and not every architecture has a mask on noisy.
    ignored = {"gate_pauses"}
    if "mask_noisy" not in OPTIONS[p.architecture]:
        ignored.add("mask_noisy")
    names = [name for name in GENERATOR_PARAMETERS if name not in ignored]
    names += DISCRIMINATOR_PARAMETERS if p.init_discriminators else ()
    # Loading would fail as well, but it would name tensors and not the parameter.
    for name in names:
        if getattr(p, name) != params[name]:
            raise ValueError(
                f"{name} = {getattr(p, name)!r}: expected {params[name]!r},"
                f" as in run {source} (init_run)"
            )
    return path
