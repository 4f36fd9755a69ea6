"""What a training step takes, and what it returns."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Signals `[B, 1, T]` on the device; true lengths in samples and bandwidths in Hz, `[B]`."""

    enhanced: Tensor
    noisy: Tensor
    clean: Tensor
    n_samples: Tensor
    bandwidth_hz: Tensor


class StepResult(NamedTuple):
    """Numbers of one step, the same in every process.

    terms: loss terms, means over all items.
    norms: of gradients before clipping: `generator`, `generator/<part>`, `discriminators`.
    finite: all of these are. If not, only the schedule and the scale of fp16 have changed.
    overflowed: the range of fp16 was left. Its scale is halved, so the next step may succeed.
    """

    terms: dict[str, float]
    norms: dict[str, float]
    finite: bool
    overflowed: bool
