"""Parameters of the notebook `compare`."""

from typing import Annotated

from pydantic import Field

from lib.config.base import Parameters
from lib.config.fields import Count, CountOrZero, NameOrEmpty, Split, Text


class Compare(Parameters):
    """`compare`: which training runs are compared with the first of them, and on which pairs."""

    runs: list[Text] = Field([])
    """Training runs: ids, latest or best. Empty: the newest that meet `condition`, at most 7."""
    condition: str = ""
    """Condition in MLflow's search language, e.g. "params.gan_start_epoch = '8'"."""
    corpus: NameOrEmpty = ""
    """Corpus of the pairs. Empty: that of the first run."""
    split: Split = "test"
    """Split of the pairs."""
    n_items: CountOrZero = 0
    """Pairs to score. 0: all."""
    n_players: CountOrZero = 2
    """Pairs to hear."""
    n_bootstrap: Annotated[int, Field(ge=100)] = 2000
    """Resamples behind each confidence interval."""
    seed: CountOrZero = 0
    """Of the resamples."""
    n_processes: Count = 2
    """Processes that score."""
