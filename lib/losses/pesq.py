"""What PESQ minds, as a loss: the model of hearing of ITU-T P.862.2 at 48 kHz, differentiable, without its alignment in time.

Both signals are brought to one level, taken to loudness in 49 Bark bands, and compared where neither masks the other. What
differs from P.862: the level is that of the spectrum from 325 to 3250 Hz, tables are formulas, and nothing is shifted in time.
"""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.deepfilter.grid import SAMPLE_RATE

N_FFT, HOP_LENGTH = (
    1536,
    768,
)  # 32 ms, half overlapped; its bins below 8 kHz are those of PESQ at 16 kHz
BINS_OF_BAND = (
    *(1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2),
    *(3, 3, 3, 3, 4, 3, 4, 5, 4, 5, 6, 6, 7, 8, 9, 9, 12, 12, 15, 16, 18, 21, 25, 20),
)  # of 31.25 Hz each, from 0 to 8 kHz: P.862's bands for wide-band speech
N_BINS, N_BANDS = sum(BINS_OF_BAND), len(BINS_OF_BAND)
LEVEL = 1e7  # power that both signals are brought to, in steps of 16 bits
LEVEL_HZ = (325.0, 3250.0)
NUMERATOR = (2.740826, -5.4816519, 2.740826)  # of P.862.2's input filter at 16 kHz
DENOMINATOR = (1.0, -1.9444777, 0.94597794)
DENSITY, SONES, ZWICKER = (
    4.84e-4,
    0.1866,
    0.23,
)  # scales of P.862: power of a band, loudness; exponent of loudness
SYMMETRIC, ASYMMETRIC = 0.1, 0.0309  # what each disturbance takes off 4.5 points
WORST_FRAMES = 20  # frames, half overlapped, whose worst moments count (a norm of power 6)
QUIET = 1e-12  # mean power below which a signal is not made louder
MAX_PESQ = 0.999 + 4 / (1 + math.exp(-1.3669 * 4.5 + 3.8224))  # 4.64, of two signals that are one


def pesq_loss(restored: Tensor, clean: Tensor, n_samples: Tensor) -> Tensor:
    """What disturbance takes off the 4.64 points of PESQ (wide band, P.862.2's scale), for each item `[B]`, in `[0, 3.64)`.

    restored, clean: `[B, 1, T]`; n_samples: `[B]` true lengths, of 0.34 s or more if the norm over time is to be PESQ's.

    >>> x = torch.randn(1, 1, 48_000)
    >>> lost = [pesq_loss(x + share * torch.randn_like(x), x, torch.tensor([48_000])).item() for share in (0.0, 0.1, 1.0)]
    >>> round(lost[0], 3), lost[0] < lost[1] < lost[2]
    (0.0, True)
    """
    ours, real = (_densities(signals, n_samples) for signals in (restored, clean))
    threshold, width, exponent = (table.to(ours.device) for table in _tables())

    def audible(bands: Tensor, factor: float) -> Tensor:
        return torch.where(bands > factor * threshold, bands, 0.0)

    frames = _frames(n_samples)
    inside = torch.arange(ours.shape[1], device=ours.device) < frames[:, None]
    speaking = inside & (audible(real, 100.0).sum(2) > 1e7)

    def spectrum(bands: Tensor) -> Tensor:
        return (audible(bands, 100.0) * speaking[..., None]).sum(1, keepdim=True) / frames[
            :, None, None
        ]

    real = real * ((spectrum(ours) + 1e3) / (spectrum(real) + 1e3)).clamp(
        0.01, 100.0
    )  # a fixed filter is forgiven
    gain = (audible(real, 1.0).sum(2) + 5e3) / (
        audible(ours, 1.0).sum(2) + 5e3
    )  # and most of a slow change of level
    gain = torch.cat([gain[:, :1], 0.8 * gain[:, 1:] + 0.2 * gain[:, :-1]], dim=1).clamp(3e-4, 5.0)
    ours = ours * gain[..., None]

    louds = [
        torch.where(x > threshold, (0.5 + 0.5 * x / threshold) ** exponent - 1, 0.0)
        for x in (ours, real)
    ]
    loud, reference = (SONES * (2 * threshold) ** exponent * x for x in louds)
    heard = F.relu((loud - reference).abs() - 0.25 * torch.minimum(loud, reference))
    added = ((ours + 50) / (real + 50)) ** 1.2  # what was added is minded more than what was lost
    added = torch.where(added < 3, 0.0, added.clamp(max=12.0))
    both = (width * heard)[..., 1:], (width * heard * added)[..., 1:]
    total = width[1:].sum()
    norms = total.sqrt() * (both[0].square().sum(2) + 1e-12).sqrt(), both[1].sum(2)

    weight = ((audible(real, 1.0).sum(2) + 1e5) / 1e7) ** 0.04
    symmetric, asymmetric = (
        _over_time((norm / weight).clamp(max=45.0) * inside, frames) for norm in norms
    )
    raw = 4.5 - SYMMETRIC * symmetric - ASYMMETRIC * asymmetric
    return MAX_PESQ - (0.999 + 4 * torch.sigmoid(1.3669 * raw - 3.8224))


def _densities(signals: Tensor, n_samples: Tensor) -> Tensor:
    """Power in each band, `[B, frames, 49]`, at one level and after the input filter."""
    window = torch.hann_window(N_FFT, device=signals.device)
    z = torch.stft(
        signals[:, 0].float(),
        N_FFT,
        HOP_LENGTH,
        window=window,
        return_complex=True,
        pad_mode="constant",
    )
    power = (z.real.square() + z.imag.square())[:, :N_BINS] / (
        SAMPLE_RATE / 16_000
    ) ** 2  # as of 16 kHz
    hz = torch.arange(N_BINS, device=signals.device) * SAMPLE_RATE / N_FFT
    inside = torch.arange(power.shape[2], device=power.device) < _frames(n_samples)[:, None]
    power = power * inside[:, None]
    middle = power[:, (hz > LEVEL_HZ[0]) & (hz < LEVEL_HZ[1])].sum((1, 2)) / inside.sum(1)
    level = (
        2 * middle / (N_FFT / 3) / (3 / 8 * N_FFT / 3)
    )  # Parseval: length and power of a Hann window
    power = power * (_input_filter(hz)[:, None] * (LEVEL / level.clamp(min=QUIET))[:, None, None])
    bands = torch.stack([part.sum(1) for part in power.split(BINS_OF_BAND, dim=1)], dim=2)
    return DENSITY * bands


def _frames(n_samples: Tensor) -> Tensor:
    """That count of an item's: those that begin half a window before its end, and at least one."""
    return (n_samples // HOP_LENGTH).clamp(min=1)


def _input_filter(hz: Tensor) -> Tensor:
    """Power response of P.862.2's filter, which takes away what is below 100 Hz."""
    turn = torch.exp(-2j * torch.pi * hz.double() / 16_000)
    up, down = (sum(c * turn**i for i, c in enumerate(part)) for part in (NUMERATOR, DENOMINATOR))
    response = (up / down).abs().square().float()
    return torch.where(hz > 0, response, 0.0)


@cache
def _tables() -> tuple[Tensor, Tensor, Tensor]:
    """Of each band: threshold of hearing (Terhardt, 1979), width in Bark, exponent of loudness; `[49]` each.

    >>> threshold, width, exponent = _tables()
    >>> round(10 * threshold.log10().min().item()), round(width.sum().item()), round(exponent.max().item(), 3)
    (-5, 21, 0.255)
    """
    bins, index = torch.tensor(BINS_OF_BAND), torch.arange(N_BANDS)
    khz = (bins.cumsum(0) - bins / 2) * SAMPLE_RATE / N_FFT / 1000
    threshold_db = 3.64 * khz**-0.8 - 6.5 * torch.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    width = 0.318 * (0.5852 / 0.318) ** (
        (index - 1) / 47
    )  # as in P.862, in which it grows by 1.3 % from band to band
    width[0] /= 2  # the first is half a band
    centre = width.cumsum(0) - width / 2
    return 10 ** (threshold_db / 10), width, ZWICKER * (6 / (centre + 2)).clamp(1, 2) ** 0.15


def _over_time(norms: Tensor, frames: Tensor) -> Tensor:
    """`[B, frames]` -> `[B]`: the norm of power 6 within 0.3 s, where the worst moment counts, of power 2 over all of these."""
    n = min(WORST_FRAMES, norms.shape[1])
    windows = norms.unfold(1, n, max(n // 2, 1))
    worst = (windows.pow(6).mean(2) + 1e-24) ** (1 / 6)
    starts = torch.arange(worst.shape[1], device=norms.device) * max(n // 2, 1)
    whole = (starts + n <= frames[:, None]) | (starts == 0)
    return ((worst.square() * whole).sum(1) / whole.sum(1)).sqrt()
