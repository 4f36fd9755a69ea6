"""DNSMOS: a network that learned from listeners judges a signal alone."""

from functools import cache
from pathlib import Path

import numpy as np

from lib.audio import files
from lib.metrics.pitch import SAMPLE_RATE

WINDOW_LENGTH = int(9.01 * SAMPLE_RATE)  # of DNSMOS, in samples


def dnsmos(signal: np.ndarray, sample_rate: int) -> dict[str, float]:
    """What a network that learned from listeners says of a signal alone (DNSMOS P.835 and P.808, arXiv:2110.01763), 1 to 5.

    The package speechmos at 16 kHz, not personalised: the mean of windows of 9.01 s, one a second. A shorter one is repeated to
    one window; the package repeats it to up to 18 s and takes the mean of up to 9, much slower for a difference of 0.01
    (mean of 42 recordings; 0.1 at most). It knows nothing of the clean recording, nor of anything above 8 kHz, and minds
    the level; what clips it is scaled.

    Returns: `dnsmos_sig`, `dnsmos_bak`, `dnsmos_ovrl` (P.835: voice, background, both) and `dnsmos_p808`.
    """
    names = {"sig": "sig_mos", "bak": "bak_mos", "ovrl": "ovrl_mos", "p808": "p808_mos"}
    if not np.any(signal):
        return {f"dnsmos_{short}": np.nan for short in names}
    signal = files.resample(np.asarray(signal, np.float32), sample_rate, SAMPLE_RATE)
    signal = np.resize(signal, max(len(signal), WINDOW_LENGTH))
    found = _model()(signal / max(1.0, float(np.abs(signal).max())), SAMPLE_RATE, False)
    return {f"dnsmos_{short}": float(found[name]) for short, name in names.items()}


@cache
def _model():
    """DNSMOS, its networks on one thread each: scores are computed in parallel processes."""
    import onnxruntime
    import speechmos.dnsmos

    folder = Path(speechmos.dnsmos.__file__).parent / "dnsmos_models"
    listener = speechmos.dnsmos.DNSMOS(
        str(folder / "sig_bak_ovr.onnx"), str(folder / "model_v8.onnx")
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    listener.onnx_sess = onnxruntime.InferenceSession(str(folder / "sig_bak_ovr.onnx"), options)
    listener.p808_onnx_sess = onnxruntime.InferenceSession(str(folder / "model_v8.onnx"), options)
    return listener
