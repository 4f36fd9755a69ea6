"""Loss terms over the optimiser steps: curves that move while one watches a long epoch."""

import time
from collections.abc import Mapping

from lib.tracking.run import Run
from lib.training.step import StepResult

PERIOD_S = 10.0  # between two points, so that recording stays cheap at any speed


class StepCurves:
    """Logs `step/<term>`, means over the steps since the last point, and `step/grad_norm`.

    Their axis counts the optimiser steps since the beginning of the training, also after it was
    resumed: steps that are taken again are left out by the run. That of all other metrics counts
    epochs.

    Args:
        run: None in all processes but the first.
    """

    def __init__(self, run: Run | None):
        self.run = run
        self.sums: dict[str, float] = {}
        # Another number for each: the terms of the GAN join later.
        self.counts: dict[str, int] = {}
        self.logged_at = time.monotonic()

    def add(self, step: int, result: StepResult) -> None:
        """Take a step into account; log the means if the last point is 10 s old.

        Args:
            step: how many were taken, with this one.
        """
        if self.run is None:
            return
        if result.finite:
            self._add(result.terms)
            self._add({"grad_norm": result.norms["generator"]})
        if self.sums and time.monotonic() - self.logged_at >= PERIOD_S:
            means = {f"step/{name}": self.sums[name] / self.counts[name] for name in self.sums}
            self.run.metrics(means, step)
            self.sums, self.counts, self.logged_at = {}, {}, time.monotonic()

    def _add(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
