"""What MLflow runs when it loads or serves a model of Retimbre: noisy samples in, restored out.

MLflow stores this file with each model. It needs nothing of this repository but
`chain_runtime.py`, which is stored beside it.
"""

import copy
from typing import Any

import numpy as np
import soxr
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

SAMPLE_RATE = 48_000  # Hz, of the chain


class ServedChain(PythonModel):
    """The exported chain on whole recordings of one channel, at any sample rate.

    Restored is as long as noisy, at its rate and without delay. What lies above 24 kHz is lost.
    """

    def load_context(self, context: Any) -> None:
        """Open the chain, the artifact `chain` of the model."""
        # Its file lies in the model's folder `code`, which MLflow puts on Python's path.
        from chain_runtime import ChainStream

        self.stream = ChainStream(context.artifacts["chain"])

    def predict(
        self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Restore a recording.

        Args:
            context: of MLflow; not used.
            model_input: noisy `[T]`, full scale 1.
            params: `sample_rate` of noisy in Hz (48000), `mix` (1: restored alone, 0: noisy),
                `atten_lim_db` (the largest attenuation of noise; 100 or more: no limit).

        Returns: restored `[T]`, float32.

        Raises:
            ValueError: not one axis, no samples, a rate below 1, or a `mix` beyond 0 to 1.
        """
        settings = {"sample_rate": SAMPLE_RATE, "mix": 1.0, "atten_lim_db": 100.0} | (params or {})
        noisy, sample_rate = np.asarray(model_input, np.float32), int(settings["sample_rate"])
        if noisy.ndim != 1 or not len(noisy):
            raise ValueError(f"noisy: expected samples [T] of one channel, got {noisy.shape}")
        if sample_rate < 1:
            raise ValueError(f"sample_rate {sample_rate}: expected Hz, at least 1")
        if not 0 <= settings["mix"] <= 1:
            raise ValueError(f"mix {settings['mix']}: expected 0 to 1")
        # Shares the session; a server may answer several requests at a time.
        stream = copy.copy(self.stream)
        stream.options = {
            name: np.array(settings[name], np.float32) for name in ("mix", "atten_lim_db")
        }
        stream.reset()
        signal = soxr.resample(noisy, sample_rate, SAMPLE_RATE)
        late = np.concatenate([stream.push(signal), stream.flush()])
        restored = soxr.resample(late[stream.delay :], SAMPLE_RATE, sample_rate)
        # There and back may miss by a sample.
        return np.pad(restored, (0, max(0, len(noisy) - len(restored))))[: len(noisy)]


set_model(ServedChain())
