"""The learning rates over a training."""

import math
from collections.abc import Iterable, Mapping

import torch

LAST_LR = 0.05  # share of the learning rate that a cosine ends at


class Schedule:
    """The learning rates of several optimisers, stepped once per optimiser step: each has its peak times one common share.

    Args:
        kind: constant, cosine (down to 5 %) or restarts (a cosine `n_cycles` times; Loshchilov and Hutter, 1608.03983).
        n_steps: that the schedule spans; beyond, it stays where it ended.
        warmup_steps: of a linear rise, at most a tenth of `n_steps`.

    >>> adam = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    >>> schedule, seen = Schedule([adam], "cosine", n_steps=1_000, warmup_steps=100), []
    >>> for step in range(1_000):
    ...     seen.append(round(adam.param_groups[0]["lr"], 2)) if step in (0, 99, 550) else None
    ...     schedule.step()
    >>> seen, round(adam.param_groups[0]["lr"], 2)
    ([0.02, 2.0, 1.05], 0.1)
    """

    def __init__(self, optimisers: Iterable[torch.optim.Optimizer], kind: str, n_steps: int, warmup_steps: int = 100,
                 n_cycles: int = 1):  # fmt: skip
        self.optimisers, self.kind, self.n_steps, self.n_cycles = (
            list(optimisers),
            kind,
            max(n_steps, 1),
            n_cycles,
        )
        self.warmup_steps = min(warmup_steps, n_steps // 10)
        self.peaks = [adam.param_groups[0]["lr"] for adam in self.optimisers]
        self.position, self.factor = 0, 1.0
        self._set()

    def step(self) -> None:
        """On by one optimiser step."""
        self.position += 1
        self._set()

    def halve(self) -> None:
        """From here on all rates are half of what they were."""
        self.factor /= 2
        self._set()

    def share(self, position: int) -> float:
        """What the rates are of their peaks at a step; the first is 0."""
        if position < self.warmup_steps:
            return (position + 1) / self.warmup_steps
        if self.kind == "constant":
            return 1.0
        way = min(1.0, (position - self.warmup_steps) / max(1, self.n_steps - self.warmup_steps))
        cycle = way * self.n_cycles if self.kind == "restarts" else way
        way = cycle % 1.0 if way < 1.0 else 1.0
        return LAST_LR + (1 - LAST_LR) * 0.5 * (1 + math.cos(math.pi * way))

    def state_dict(self) -> dict:
        """The position, and what rates were lowered by. (What the schedule spans follows from the parameters.)"""
        return {"position": self.position, "factor": self.factor}

    def load_state_dict(self, saved: Mapping) -> None:
        """Go on at a position."""
        self.position, self.factor = saved["position"], saved["factor"]
        self._set()

    def _set(self) -> None:
        for adam, peak in zip(self.optimisers, self.peaks, strict=True):
            for group in adam.param_groups:
                group["lr"] = self.factor * peak * self.share(self.position)
