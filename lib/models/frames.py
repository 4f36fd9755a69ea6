"""Signals to spectra on DeepFilterNet3's own STFT grid and back, with the state of a stream.

A frame of the input is a frame here: 960 samples, of which 480 are new.
"""

import torch
from torch import Tensor

from lib.deepfilter.grid import HOP_LENGTH, N_FFT
from lib.models.dft import dft, inverse_dft


def analysis(signals: Tensor, last_hop: Tensor, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Spectra of signals, in which a full-scale sine has the magnitude 1, and the last hop.

    Shape:
        - signals: `[B, C, T]`, last hop: `[B, C, 480]`, window: that of `vorbis_window(960)`
        - real, imag: `[B, C, T / 480, 481]`

    >>> from lib.deepfilter.grid import vorbis_window
    >>> sine = torch.sin(2 * torch.pi * 1_000 * torch.arange(4_800) / 48_000)[None, None]
    >>> window = torch.from_numpy(vorbis_window(960))
    >>> real, imag, last_hop = analysis(sine, torch.zeros(1, 1, 480), window)
    >>> list(real.shape), round(torch.hypot(real, imag)[0, 0, 5, 20].item(), 3)
    ([1, 1, 10, 481], 1.0)
    """
    hops = signals.unflatten(2, (-1, HOP_LENGTH))  # [B, C, frames, 480]
    previous = torch.cat([last_hop[:, :, None], hops[:, :, :-1]], dim=2)
    frames = torch.cat([previous, hops], dim=3) * (window * (2 / window.sum()))
    # The exporter has no FFT.
    if torch.onnx.is_in_onnx_export():
        return *dft(frames), hops[:, :, -1]
    spectra = torch.fft.rfft(frames)
    return spectra.real, spectra.imag, hops[:, :, -1]


def synthesis(real: Tensor, imag: Tensor, overlap: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse by overlap-add, and the half frame that overlaps the next hop.

    Shape:
        - real, imag: `[B, 1, frames, 481]`, overlap: `[B, 1, 480]`, window as before
        - signal: `[B, 1, 480 frames]`

    >>> from lib.deepfilter.grid import vorbis_window
    >>> noise, start = torch.randn(1, 1, 4_800), torch.zeros(1, 1, 480)
    >>> window = torch.from_numpy(vorbis_window(960))
    >>> real, imag, _ = analysis(noise, start, window)
    >>> signal, _ = synthesis(real, imag, start, window)
    >>> bool((signal[..., 480:] - noise[..., :-480]).abs().max() < 1e-5)
    True
    """
    if torch.onnx.is_in_onnx_export():
        frames = inverse_dft(real, imag)
    else:
        frames = torch.fft.irfft(torch.complex(real, imag), n=N_FFT)
    frames = frames * (window * (window.sum() / 2))  # [B, 1, frames, 960]
    first, second = frames.split(HOP_LENGTH, dim=3)
    previous = torch.cat([overlap[:, :, None], second[:, :, :-1]], dim=2)
    return (first + previous).flatten(2), second[:, :, -1]
