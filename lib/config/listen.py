"""Parameters of the notebook `listen`."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from lib.config.base import Parameters
from lib.config.fields import Count, CountOrZero, Device, NameOrEmpty, Split, Text, as_list


class Listen(Parameters):
    """`listen`: which restorer is scored, and on which pairs."""

    run: Annotated[list[Text], BeforeValidator(as_list)] = Field([])
    """Restorers: ids of training runs, latest, best or shipped. The report is about the first one.
    Empty: shipped, the weights that come with the repository."""
    corpus: NameOrEmpty = ""
    """Corpus of the pairs. Empty: that of the run, or the embedded one."""
    split: Split = "test"
    """Split of the pairs."""
    n_items: CountOrZero = 0
    """Pairs to score. 0: all."""
    n_players: CountOrZero = 6
    """Pairs to hear, spread over the SNRs."""
    n_extremes: Annotated[int, Field(ge=0, le=20)] = 10
    """Pairs to hear with the worst scores, and as many with the best."""
    n_clean: CountOrZero = 24
    """Clean recordings that are restored, to see what that does to them."""
    n_baselines: CountOrZero = 16
    """Pairs on which the simple methods are scored beside the restorer. 0: all."""
    n_bootstrap: Annotated[int, Field(ge=100)] = 2000
    """Resamples behind each confidence interval."""
    seed: CountOrZero = 0
    """Of the resamples."""
    n_processes: Count = 2
    """Processes that score."""
    device: Device = "auto"
    """auto takes CUDA where there is one."""
