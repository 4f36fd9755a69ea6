"""Parameters of the notebook `workers`."""

from typing import Annotated

from pydantic import Field

from lib.config.base import Parameters
from lib.config.fields import Count, CountOrZero, Device, Name, Segment


class Workers(Parameters):
    """`workers`: which numbers of loader workers are tried, with which training steps."""

    corpus: Name = "demo"
    """Prepared corpus whose training pairs are read."""
    n_workers: list[Annotated[int, Field(ge=0, le=256)]] = Field(
        [0, 1, 2, 4, 8, 12, 16], min_length=1
    )
    """Numbers of workers to try. 0: the training process reads by itself."""
    n_steps: Count = 10
    """Training steps that are measured, for each number and repeat."""
    n_warmup_steps: Count = 3
    """Steps before them that are not measured."""
    n_repeats: Count = 3
    """Repeats, whose median counts."""
    batch_size: Count = 8
    """Segments per batch."""
    segment_length: Segment = 48_000
    """Samples of each segment."""
    condition_on_noisy: bool = True
    """As in `train`."""
    channels: Annotated[int, Field(ge=4, le=256)] = 24
    """Width of the generator, as in `train`."""
    max_memory_share: Annotated[float, Field(gt=0, le=0.98)] = 0.9
    """Share of the machine's memory beyond which no larger number is tried."""
    n_files_read: Count = 100
    """Files that are read with a cold and with a warm cache of the disk."""
    seed: CountOrZero = 0
    """Of the segments and their order."""
    device: Device = "auto"
    """auto takes CUDA where there is one."""
