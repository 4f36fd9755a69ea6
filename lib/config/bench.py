"""Parameters of the notebook `bench`."""

from typing import Annotated

from pydantic import Field

from lib.config.base import Parameters
from lib.config.fields import Count, CountOrZero, Folder, Positive, Segment, Snr


class Bench(Parameters):
    """`bench`: the recordings that the stages are measured with, and for how long."""

    speech_dir: Folder = ""
    """Clean speech. Empty: the embedded corpus."""
    noise_dir: Folder = ""
    """Noise. Empty: the embedded corpus."""
    n_files: Count = 12
    """Speech files, spread evenly over the folder."""
    snr_db: list[Snr] = Field([-5.0, 5.0, 15.0], min_length=1)
    """Signal-to-noise ratios in dB over active speech; each file is mixed at each of them."""
    batch_sizes: list[Annotated[int, Field(ge=1, le=256)]] = Field([1, 4, 8, 16, 32], min_length=1)
    """Utterances of 4 s that DeepFilterNet3 gets together."""
    n_repeats: Count = 3
    """Measurements of each speed, whose median counts."""
    n_hops: Annotated[int, Field(ge=10)] = 6000
    """Single hops of 10 ms that are timed. Default: a minute of audio."""
    minutes: list[Positive] = Field([1.0, 5.0, 20.0], min_length=1)
    """Lengths in minutes of the streams whose peak memory is measured."""
    n_lag_pairs: Annotated[int, Field(ge=5)] = 50
    """Pairs whose lag is estimated by three methods."""
    segment_length: Annotated[Segment, Field(ge=24_000)] = 96_000
    """Samples of each segment in the training step that is timed."""
    seed: CountOrZero = 0
    """Of the mixtures and their levels."""
