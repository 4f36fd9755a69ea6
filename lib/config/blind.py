"""Parameters of the notebook `blind`."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from lib.config.base import Parameters
from lib.config.fields import CountOrZero, Device, File, NameOrEmpty, Split, Text, as_list


class Blind(Parameters):
    """`blind`: which restorers a listener judges without knowing them, and the answers so far."""

    run: Annotated[list[Text], BeforeValidator(as_list)] = Field([])
    """Restorers: ids of training runs, latest, best or shipped. Empty: shipped, the weights that
    come with the repository."""
    corpus: NameOrEmpty = ""
    """Corpus of the pairs. Empty: that of the run, or the embedded one."""
    split: Split = "test"
    """Split of the pairs."""
    n_blind: Annotated[int, Field(ge=1, le=12)] = 6
    """Pairs that each test plays, spread over the SNRs. At most 12, since listeners tire."""
    answers: list[File] = Field([])
    """Files of answers that the pages of earlier tests saved."""
    seed: CountOrZero = 0
    """Of the hidden order and the resamples."""
    device: Device = "auto"
    """auto takes CUDA where there is one."""
