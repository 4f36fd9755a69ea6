"""All loss terms that compare restored with clean, as one module."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lib.deepfilter.grid import band_matrix
from lib.losses import terms
from lib.losses.bands import band_distance
from lib.losses.bins import bin_distance
from lib.losses.contrast import contrast_distance
from lib.losses.dnsmos import dnsmos_feature_distance, dnsmos_loss
from lib.losses.multi_resolution_stft import MultiResolutionSTFT
from lib.losses.pesq import pesq_loss
from lib.losses.terms import N_FFT

TERMS = (
    "l1",
    "spectral",
    "complex",
    "mel",
    "pesq",
    "over_attenuation",
    "dominant",
    "overshoot",
    "bands",
    "bins",
    "contrast",
    "dnsmos",
    "dnsmos_features",
)


class ReconstructionLoss(nn.Module):
    """Computes the named terms, as a dict of scalars.

    Args:
        names: terms to compute, of `TERMS`.
        high_band_weight: weight of differences above 4 kHz in `spectral`; below, it is 1.
        pesq_forgives: see `pesq_loss`.
        dtype: of the network in `dnsmos` and `dnsmos_features`; all else is worked out in single
            precision.

    Shape:
        - restored, clean, enhanced: `[B, 1, T]`; n_samples: `[B]` true lengths; bandwidth_hz: `[B]`
        - each term: scalar `>= 0`

    >>> x = torch.randn(2, 1, 9_600)
    >>> n_samples, bandwidth_hz = torch.tensor([9_600, 4_800]), torch.tensor([24_000.0, 8_000.0])
    >>> loss = ReconstructionLoss()(x, x, x, n_samples, bandwidth_hz)
    >>> sorted(loss) == sorted(TERMS), loss.pop("dnsmos").item() > 1
    (True, True)
    >>> max(term.item() for term in loss.values()) < 1e-3
    True

    Raises:
        KeyError: a name is none of `TERMS`.
    """

    def __init__(
        self,
        names: Sequence[str] = TERMS,
        high_band_weight: float = 1.0,
        pesq_forgives: bool = False,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        # A misspelt name would drop its term without a word.
        if unknown := set(names) - set(TERMS):
            raise KeyError(f"no loss term {sorted(unknown)}: the terms are {', '.join(TERMS)}")
        self.names = tuple(names)
        self.pesq_forgives = pesq_forgives
        self.dtype = dtype
        self.stft = MultiResolutionSTFT(high_band_weight=high_band_weight)
        # Not persistent: they follow from constants and are no weights.
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("mels", terms.mel_filters(), persistent=False)
        self.register_buffer(
            "erb_bands", torch.from_numpy(band_matrix(N_FFT // 2 + 1)), persistent=False
        )

    def forward(
        self,
        restored: Tensor,
        clean: Tensor,
        enhanced: Tensor,
        n_samples: Tensor,
        bandwidth_hz: Tensor,
    ) -> dict[str, Tensor]:
        """The terms by name; arguments as in the class.

        `enhanced` matters to `overshoot`, `bands` and `bins` alone.
        """
        terms.check_same_shape(restored, clean)
        terms.check_same_shape(enhanced, clean)
        loss = {}
        if "l1" in self.names:
            loss["l1"] = terms.l1(restored, clean, n_samples)
        if "spectral" in self.names:
            loss["spectral"] = self.stft(restored, clean, n_samples, bandwidth_hz)
        if "pesq" in self.names:
            lost = pesq_loss(restored, clean, n_samples, self.pesq_forgives)
            loss["pesq"] = lost.mean()
        if "dnsmos" in self.names:
            loss["dnsmos"] = dnsmos_loss(restored, n_samples, self.dtype).mean()
        if "dnsmos_features" in self.names:
            distance = dnsmos_feature_distance(restored, clean, n_samples, self.dtype)
            loss["dnsmos_features"] = distance.mean()
        if set(self.names) - set(loss):
            # The other terms share one pair of spectra; most give a value for each frame.
            spectra = [terms.spectrum(signals, self.window) for signals in (restored, clean)]
            # Frames are centred, so there is one more than whole hops.
            n_frames = n_samples // (N_FFT // 4) + 1
            inside = terms.bins_below(bandwidth_hz, N_FFT)
            # Lambdas, so that only the terms that are asked for are worked out.
            by_frame = {
                "complex": lambda: terms.complex_distance(*spectra, inside),
                "over_attenuation": lambda: terms.over_attenuation(*spectra, inside),
                "mel": lambda: terms.mel_distance(*spectra, self.mels, bandwidth_hz),
            }
            for name, distance in by_frame.items():
                if name in self.names:
                    loss[name] = terms.item_mean(distance(), n_frames)
            if "dominant" in self.names:
                loss["dominant"] = terms.dominant_distance(*spectra, inside, n_frames).mean()
            if {"overshoot", "bands", "bins"} & set(self.names):
                spectra.append(terms.spectrum(enhanced, self.window))
            if "overshoot" in self.names:
                loss["overshoot"] = terms.item_mean(terms.overshoot(*spectra, inside), n_frames)
            if "bands" in self.names:
                distance = band_distance(*spectra, self.erb_bands, inside, n_frames)
                loss["bands"] = distance.mean()
            if "bins" in self.names:
                loss["bins"] = bin_distance(*spectra, inside, n_frames).mean()
            if "contrast" in self.names:
                distance = contrast_distance(*spectra[:2], inside, self.erb_bands, n_frames)
                loss["contrast"] = distance.mean()
        return loss
