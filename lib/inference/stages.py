"""The two stages behind one interface, so that files and streams are one code for all engines.

`lib.inference.torch_stages` has PyTorch's, `lib.inference.light` those without PyTorch.
"""

from typing import Any, Protocol

import numpy as np

from lib.deepfilter.stage import Stage


class Stages(Protocol):
    """DeepFilterNet3, and a generator: (enhanced, noisy) -> restored."""

    delay: int  # samples that restored comes behind enhanced
    n_inputs: int  # 2: the generator hears enhanced and noisy; 1: enhanced alone

    def first_stage(self) -> Stage:
        """DeepFilterNet3; loaded when it is asked for."""

    def generate(self, inputs: np.ndarray, state: Any = None) -> tuple[np.ndarray, Any]:
        """Restored `[B, T]`, `delay` samples late, and the state after it.

        Args:
            inputs: `[B, n_inputs, T]` at 48 kHz, T in whole hops, of any number.
            state: that the last call returned; None is silence before the signal.
        """
