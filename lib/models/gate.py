"""A gate that is shut where nobody speaks: a restorer that is behind it leaves pauses alone.

It hears DeepFilterNet3's output alone. A frame counts as speech by its level beside the loudest one
of the last seconds.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.deepfilter.grid import HOP_LENGTH, N_BINS, SAMPLE_RATE

THRESHOLD_DB = -36.0  # re the loudest frame, at which the gate is half open
WIDTH_DB = 3.0  # from there to 73 % open
FALL_DB = 2.0 * HOP_LENGTH / SAMPLE_RATE  # of the loudest frame's level per frame: 2 dB a second
START_DB = -45.0  # its lowest level, re a full-scale sine at 1 kHz: the noise of a pause is fainter
FLOOR = 1e-12
MAX_FRAMES = 1_023  # of a block in an exported model
LOUDEST_HZ = 4_000.0  # the weight grows by 6 dB an octave up to here, so that an s counts


def pause_gate(real: Tensor, imag: Tensor, peak: Tensor) -> tuple[Tensor, Tensor]:
    """How far the gate is open in each frame, 0 to 1, and the state behind the last one.

    Shape:
        - real, imag: `[B, 1, frames, 481]`, spectra in which a full-scale sine has magnitude 1
        - peak, and the state: `[B, 1, 1]`, level of the loudest frame above `START_DB`, in dB
        - gate: `[B, 1, frames, 1]`

    >>> real = torch.zeros(1, 1, 3, N_BINS)
    >>> real[0, 0, :, 20] = torch.tensor([0.1, 0.0005, 0.1])  # a sine of 1 kHz, 46 dB down between
    >>> gate, peak = pause_gate(real, torch.zeros_like(real), torch.zeros(1, 1, 1))
    >>> [round(value, 2) for value in gate.flatten().tolist()], round(peak.item())
    ([1.0, 0.03, 1.0], 25)
    """
    hz = torch.linspace(0, SAMPLE_RATE / 2, N_BINS, device=real.device)
    weights = (hz.clamp(max=LOUDEST_HZ) / 1_000).square()
    power = ((real.square() + imag.square()) * weights).sum(3)  # [B, 1, frames]
    level = 10 * torch.log10(power + FLOOR) - START_DB
    if torch.onnx.is_in_onnx_export():
        # The exporter has no running maximum.
        peaks = _peaks_of_block(level, peak) if level.shape[2] > 1 else peak - FALL_DB
        peaks = torch.maximum(level, peaks).clamp(min=0)
    else:
        # With `rise` added a peak that falls by FALL_DB a frame is constant.
        rise = FALL_DB * torch.arange(1, level.shape[2] + 1, device=level.device)
        peaks = torch.cummax(torch.cat([peak, level + rise], dim=2), dim=2).values[..., 1:] - rise
        peaks = peaks.clamp(min=0)
    gate = torch.sigmoid((level - peaks - THRESHOLD_DB) / WIDTH_DB)
    return gate[..., None], peaks[..., -1:]


def gated_rise(
    enhanced: tuple[Tensor, Tensor], restored: tuple[Tensor, Tensor], gate: Tensor
) -> tuple[Tensor, Tensor]:
    """Restored spectra, in which what is louder than in enhanced rises as far as the gate is open.

    What is quieter stays quieter, and each bin keeps restored's phase.

    Shape:
        - enhanced, restored, and the result: real and imaginary parts `[B, 1, frames, 481]`
        - gate: `[B, 1, frames, 1]`

    >>> one, zero = torch.ones(1, 1, 1, 2), torch.zeros(1, 1, 1, 2)
    >>> restored = torch.tensor([[[[3.0, 0.5]]]]), zero
    >>> gated_rise((one, zero), restored, torch.tensor([[[[0.0]]]]))[0].flatten()
    tensor([1.0000, 0.5000])
    """
    # The floor comes before the root, whose gradient at 0 is infinite.
    before, after = (
        (real.square() + imag.square()).clamp(min=FLOOR).sqrt()
        for real, imag in (enhanced, restored)
    )
    factor = 1 - (1 - gate) * F.relu(after - before) / after
    return restored[0] * factor, restored[1] * factor


def _peaks_of_block(level: Tensor, peak: Tensor) -> Tensor:
    """The peak at each frame, of the frames up to it, of which there are at most 1,023.

    The maximum over 2, 4, ..., 1,024 frames is that of two halves, of which the earlier has fallen.
    """
    peaks = torch.cat([peak, level], dim=2)
    for n in (2**k for k in range(MAX_FRAMES.bit_length())):
        earlier = F.pad(peaks, (n, 0), value=-1e3)[..., :-n] - n * FALL_DB
        peaks = torch.maximum(peaks, earlier)
    return peaks[..., 1:]
