"""The wide-band PESQ score (ITU-T P.862.2) as a differentiable loss at 48 kHz.

Both signals are brought to one level, filtered, and summed into 49 Bark bands. Their loudness is
compared where neither masks the other, and the disturbance is averaged over time.

PESQ forgives a fixed filter and a slow gain between the signals. A generator that learns from it
uses this freedom: it colours the voice and lifts pauses, and PESQ rises. So by default nothing is
forgiven here.

Differences from P.862 and P.862.2:

- No alignment in time: restored and clean are sample-aligned here.
- The level is that of the power spectrum from 325 to 3250 Hz; P.862 filters the waveform.
- The input filter acts on the power spectrum as its exact response; P.862.2 runs it over the
  samples. The bin at 0 Hz is 0.
- Spectra are taken at 48 kHz with a window of the same 32 ms; there is no resampling to 16 kHz.
- Formulas stand in for tables: threshold of hearing (Terhardt, 1979), width of the bands, exponent
  of loudness.
- The gain of a frame is smoothed with the gain of the frame before as it was measured. In P.862 the
  smoothing is recursive: it uses the smoothed gain of the frame before.
- The norm over time weighs all windows of 20 frames alike. P.862 gives the end of long signals
  more weight, and it measures very bad intervals a second time with another alignment.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.losses.bark import HOP_LENGTH, audible, band_tables, bark_bands, loudness

SPEECH_POWER = 1e7  # audible power above which a frame counts as speech
DEAD_ZONE = 0.25  # share of the quieter loudness that masks a difference
MAX_DISTURBANCE = 45.0  # of a frame
SYMMETRIC_WEIGHT = 0.1  # points that a unit of each disturbance takes off
ASYMMETRIC_WEIGHT = 0.0309
N_WORST_FRAMES = 20  # length of the windows (0.3 s) whose worst moments count
MAX_PESQ = 0.999 + 4 / (1 + math.exp(-1.3669 * 4.5 + 3.8224))  # 4.64, of two equal signals


def pesq_loss(restored: Tensor, clean: Tensor, n_samples: Tensor, forgives: bool = False) -> Tensor:
    """Points of wide-band PESQ (P.862.2) that each item lacks to 4.64, the score of equal signals.

    Args:
        n_samples: true lengths. The norm over time is PESQ's from 0.34 s on.
        forgives: forgive a fixed filter and a slow gain, as PESQ does.

    Shape:
        - restored, clean: `[B, 1, T]`; n_samples: `[B]`; result: `[B]`, in `[0, 3.64)`

    >>> x = torch.randn(1, 1, 48_000)
    >>> noisy = [x + share * torch.randn_like(x) for share in (0.0, 0.1, 1.0)]
    >>> lost = [pesq_loss(y, x, torch.tensor([48_000])).item() for y in noisy]
    >>> round(lost[0], 3), lost[0] < lost[1] < lost[2]
    (0.0, True)
    """
    n_frames = _n_frames(n_samples)
    restored_bands, clean_bands = (bark_bands(x, n_frames) for x in (restored, clean))
    inside = torch.arange(clean_bands.shape[1], device=clean_bands.device) < n_frames[:, None]
    if forgives:
        # In this order, since the gain is measured against clean with the filter applied.
        clean_bands = forgive_fixed_filter(restored_bands, clean_bands, inside, n_frames)
        restored_bands = forgive_slow_gain(restored_bands, clean_bands)
    symmetric, asymmetric = frame_disturbances(restored_bands, clean_bands)
    # A loud frame hides a little more than a quiet one.
    weight = ((audible(clean_bands, 1.0).sum(2) + 1e5) / 1e7) ** 0.04
    symmetric, asymmetric = (
        norm_over_time((disturbance / weight).clamp(max=MAX_DISTURBANCE) * inside, n_frames)
        for disturbance in (symmetric, asymmetric)
    )
    return MAX_PESQ - mos_lqo(4.5 - SYMMETRIC_WEIGHT * symmetric - ASYMMETRIC_WEIGHT * asymmetric)


def forgive_fixed_filter(
    restored: Tensor, clean: Tensor, inside: Tensor, n_frames: Tensor
) -> Tensor:
    """Clean bands with the mean spectrum of restored, up to 20 dB: P.862's partial equalisation.

    All bands are `[B, frames, 49]`.
    """
    # As in P.862, bands count from 20 dB above the threshold of hearing: a factor of 100.
    speech = inside & (audible(clean, 100.0).sum(2) > SPEECH_POWER)

    def mean_spectrum(bands: Tensor) -> Tensor:
        total = (audible(bands, 100.0) * speech[..., None]).sum(1, keepdim=True)
        # By all frames, as in P.862. The number cancels out, but for the floor below.
        return total / n_frames[:, None, None]

    ratio = (mean_spectrum(restored) + 1e3) / (mean_spectrum(clean) + 1e3)
    return clean * ratio.clamp(0.01, 100.0)


def forgive_slow_gain(restored: Tensor, clean: Tensor) -> Tensor:
    """Restored bands `[B, frames, 49]` with the level of clean in each frame.

    A fifth of the gain is that of the frame before, so a sudden change of level still counts.
    """
    gain = (audible(clean, 1.0).sum(2) + 5e3) / (audible(restored, 1.0).sum(2) + 5e3)
    smooth = torch.cat([gain[:, :1], 0.8 * gain[:, 1:] + 0.2 * gain[:, :-1]], dim=1)
    return restored * smooth.clamp(3e-4, 5.0)[..., None]


def frame_disturbances(restored: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric and asymmetric disturbance of each frame: `[B, frames, 49]` -> two `[B, frames]`.

    The asymmetric one counts the bands in which restored has well more power than clean.
    """
    width = band_tables(restored.device)[1]
    restored_loudness, clean_loudness = loudness(restored), loudness(clean)
    masked = DEAD_ZONE * torch.minimum(restored_loudness, clean_loudness)
    difference = F.relu((restored_loudness - clean_loudness).abs() - masked)
    asymmetry = ((restored + 50) / (clean + 50)) ** 1.2
    # P.862: little more power counts as none, and much more counts twelvefold at most.
    asymmetry = torch.where(asymmetry < 3, 0.0, asymmetry.clamp(max=12.0))
    # The first band, below 32 Hz, does not count.
    symmetric = (width * difference)[..., 1:]
    asymmetric = (width * difference * asymmetry)[..., 1:]
    # A root mean square over the bands, times their width; the floor keeps its slope finite.
    norm = width[1:].sum().sqrt() * (symmetric.square().sum(2) + 1e-12).sqrt()
    return norm, asymmetric.sum(2)


def norm_over_time(disturbance: Tensor, n_frames: Tensor) -> Tensor:
    """`[B, frames]` -> `[B]`: in windows of 0.3 s the norm of power 6, over all windows of power 2.

    The worst moment of a window decides, and every window counts. Windows overlap by half.

    >>> round(norm_over_time(torch.full((1, 60), 3.0), torch.tensor([60])).item(), 3)
    3.0
    """
    length = min(N_WORST_FRAMES, disturbance.shape[1])
    hop = max(length // 2, 1)
    windows = disturbance.unfold(1, length, hop)
    # The floor, far below any disturbance, keeps the gradient of silence finite.
    worst = (windows.pow(6).mean(2) + 1e-24) ** (1 / 6)
    starts = torch.arange(worst.shape[1], device=disturbance.device) * hop
    # An item shorter than a window keeps its first one.
    whole = (starts + length <= n_frames[:, None]) | (starts == 0)
    return ((worst.square() * whole).sum(1) / whole.sum(1)).sqrt()


def mos_lqo(raw: Tensor) -> Tensor:
    """P.862.2's map from the raw score, at most 4.5, to a listener's scale.

    >>> [round(x, 2) for x in mos_lqo(torch.tensor([4.5, 1.0])).tolist()]
    [4.64, 1.32]
    """
    return 0.999 + 4 * torch.sigmoid(1.3669 * raw - 3.8224)


def _n_frames(n_samples: Tensor) -> Tensor:
    """Frames of an item: those that begin half a window before its end, and at least one."""
    return (n_samples // HOP_LENGTH).clamp(min=1)
