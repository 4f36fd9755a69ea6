"""The learning rates over a training."""

import math
import warnings
from collections.abc import Iterable, Mapping

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

LAST_SHARE = 0.05  # share of the peak learning rate that a cosine ends at


class Schedule:
    """The learning rates of several optimisers: each has its peak times one common share.

    Args:
        optimisers: their learning rates at construction are the peaks.
        kind: constant, cosine (down to 5 %) or restarts (a cosine `n_cycles` times; Loshchilov and
            Hutter, 1608.03983).
        n_steps: optimiser steps that the schedule spans; beyond, it stays where it ended.
        warmup_steps: of a linear rise from 0, at most a tenth of `n_steps`.
        n_cycles: of `restarts`.

    >>> import torch
    >>> adam = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    >>> schedule, rates = Schedule([adam], "cosine", n_steps=1_000, warmup_steps=100), []
    >>> for step in range(1_000):
    ...     rates.append(round(adam.param_groups[0]["lr"], 2))
    ...     schedule.step()
    >>> rates[0], rates[99], rates[550], round(adam.param_groups[0]["lr"], 2)
    (0.02, 2.0, 1.05, 0.1)
    """

    def __init__(
        self,
        optimisers: Iterable[Optimizer],
        kind: str,
        n_steps: int,
        warmup_steps: int = 100,
        n_cycles: int = 1,
    ):
        self.kind = kind
        self.n_steps = max(n_steps, 1)
        # A short training would otherwise end within its warm-up.
        self.warmup_steps = min(warmup_steps, n_steps // 10)
        self.n_cycles = n_cycles
        self.position = 0  # optimiser steps so far
        self.factor = 1.0  # what `halve` left of the peaks
        # Last, since a scheduler asks for its factor as soon as it is made.
        self.schedulers = [LambdaLR(optimiser, self._factor_at) for optimiser in optimisers]
        # torch warns at the second step of a scheduler whose optimiser has not stepped. The
        # discriminators' optimiser rests until the GAN starts, so this step is taken here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            self._move_to(0)

    def step(self) -> None:
        """Advance by one optimiser step."""
        self._move_to(self.position + 1)

    def halve(self) -> None:
        """Halve all learning rates from here on."""
        self.factor /= 2
        self._move_to(self.position)

    def share(self, position: int) -> float:
        """Share of the peaks at a step; the first step is 0."""
        if position < self.warmup_steps:
            # Plus 1, since a first step at a learning rate of 0 would be lost.
            return (position + 1) / self.warmup_steps
        if self.kind == "constant":
            return 1.0
        done = min(1.0, (position - self.warmup_steps) / max(1, self.n_steps - self.warmup_steps))
        cycles = done * self.n_cycles if self.kind == "restarts" else done
        # At the very end the last cycle is over; the remainder would be a new one at its peak.
        done_of_cycle = cycles % 1.0 if done < 1.0 else 1.0
        return LAST_SHARE + (1 - LAST_SHARE) * 0.5 * (1 + math.cos(math.pi * done_of_cycle))

    def state_dict(self) -> dict[str, float]:
        """The position and the factor. What the schedule spans follows from the parameters."""
        return {"position": self.position, "factor": self.factor}

    def load_state_dict(self, saved: Mapping[str, float]) -> None:
        """Go on from a `state_dict`: set all learning rates to those at its position."""
        self.factor = saved["factor"]
        self._move_to(saved["position"])

    def _factor_at(self, position: int) -> float:
        return self.factor * self.share(position)

    def _move_to(self, position: int) -> None:
        """Set all learning rates to those of a step; optimisers may have loaded other ones."""
        self.position = position
        # A scheduler multiplies the peaks that it found when it was made, so it does not matter
        # which learning rates its optimiser has loaded since.
        for scheduler in self.schedulers:
            scheduler.last_epoch = position - 1
            scheduler.step()
