"""What a training begins with: its pairs, and the run that it goes on from."""

from pathlib import Path

import pandas as pd

from lib.corpus import manifest
from lib.models.generator import GENERATOR_PARAMETERS
from lib.tracking import store
from lib.training import checkpoints
from lib.training.learner import DISCRIMINATOR_PARAMETERS


def training_data(p, corpus: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """What is trained on: the usable rows of the splits `train` and `valid`, and the identity of the data.

    Raises `ValueError` if `p.segment_length` is longer than what was saved.
    """
    manifest.check_segments(corpus, p.segment_length)
    about = {"corpus": p.corpus, "manifest_sha256": manifest.sha256(p.corpus)}
    about["df_weights_sha256"] = corpus.df_weights_sha256.iloc[0]
    return {split: manifest.usable_rows(corpus, split) for split in ("train", "valid")}, about


def initial_checkpoint(p, run) -> Path | None:
    """The checkpoint that `p.init_run` names, which `run` remembers as its source; None for a new generator.

    Raises `ValueError` if its networks are others than the parameters describe.
    """
    if not p.init_run:
        return None
    source = (run.resumed and run.source_run) or store.find(p.init_run)
    run.source(source)
    path = store.download(source, "checkpoints/best.pt")
    theirs = checkpoints.read_checkpoint(path)["params"]
    for name in (
        *GENERATOR_PARAMETERS,
        *(DISCRIMINATOR_PARAMETERS if p.init_discriminators else ()),
    ):
        if getattr(p, name) != theirs[name]:
            raise ValueError(
                f"{name} = {getattr(p, name)!r}: expected {theirs[name]!r}, as in run {source} (init_run)"
            )
    return path
