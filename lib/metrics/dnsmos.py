"""DNSMOS: a network that learned from listeners rates a signal alone."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lib.audio import files
from lib.runtime.compile_lock import import_librosa

MODEL_RATE = 16_000  # Hz
WINDOW_LENGTH = int(9.01 * MODEL_RATE)  # samples that the networks rate at once
# Our name of a rating -> its name in the package.
RATINGS = {
    "dnsmos_sig": "sig_mos",
    "dnsmos_bak": "bak_mos",
    "dnsmos_ovrl": "ovrl_mos",
    "dnsmos_p808": "p808_mos",
}


def dnsmos(estimate: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Ratings of a signal as listeners would give them, 1 to 5; NaN for silence.

    DNSMOS P.835 and P.808 (arXiv:2110.01763) by the package speechmos at 16 kHz, not personalised:
    the mean of windows of 9.01 s, one a second. It knows neither the clean recording nor anything
    above 8 kHz, and it depends on the level. A signal beyond full scale is turned down to it.

    A shorter signal is repeated to one window. The package repeats it to up to 18 s and takes the
    mean of up to 9 windows, which is much slower; the ratings differ by 0.01 in the mean of 42
    recordings and by 0.1 at most.

    Returns: `dnsmos_sig`, `dnsmos_bak`, `dnsmos_ovrl` (P.835: the voice, the background, the whole)
        and `dnsmos_p808`.
    """
    if not np.any(estimate):
        return dict.fromkeys(RATINGS, np.nan)
    signal = files.resample(np.asarray(estimate, np.float32), sample_rate, MODEL_RATE)
    signal = np.resize(signal, max(len(signal), WINDOW_LENGTH))
    signal = signal / max(1.0, float(np.abs(signal).max()))
    ratings = _model()(signal, MODEL_RATE, False)
    return {name: float(ratings[package_name]) for name, package_name in RATINGS.items()}


@cache
def _model() -> Any:
    """DNSMOS with its networks on one thread each: scores are computed in parallel processes."""
    import onnxruntime

    import_librosa()  # speechmos imports it
    import speechmos.dnsmos

    folder = Path(speechmos.dnsmos.__file__).parent / "dnsmos_models"
    p835_path, p808_path = str(folder / "sig_bak_ovr.onnx"), str(folder / "model_v8.onnx")
    model = speechmos.dnsmos.DNSMOS(p835_path, p808_path)
    # The package has no option for threads, so its sessions are replaced.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model.onnx_sess = onnxruntime.InferenceSession(p835_path, options)
    model.p808_onnx_sess = onnxruntime.InferenceSession(p808_path, options)
    return model
