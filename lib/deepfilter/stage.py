"""What streams and batches need of the first stage, whoever computes it.

`lib.deepfilter.model` does in PyTorch, `lib.deepfilter.light` with NumPy and ONNX Runtime alone.
"""

from typing import Any, Protocol

import numpy as np

from lib.deepfilter.working_level import Level


class StageState(Protocol):
    """A named tuple; only the level is read, and replaced, from outside."""

    level: Level

    def _replace(self, *, level: Level) -> "StageState":
        """The same with another level."""


class Stage(Protocol):
    """noisy -> rows (see `lib.deepfilter.rows`), with the whole state as argument and result."""

    settings: Any  # see `lib.deepfilter.settings`

    def start(self, batch_size: int) -> StageState:
        """The state before any signal."""

    def rows(self, samples: np.ndarray, state: StageState) -> tuple[np.ndarray, StageState]:
        """The output as rows, 1,440 samples late, and the state after it.

        Shape:
            - samples: `[T]` or `[B, T]`, float32, T in whole hops; rows: `[T / 480, 513]` or
              `[B, T / 480, 513]`
        """
