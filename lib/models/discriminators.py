"""Clean or restored? An ensemble of small discriminators of four families.

`period` hears the waveform folded by a period and `scale` hears it at a lower rate, both as in
HiFi-GAN (arXiv 2010.05646); `stft` hears spectra, as in UnivNet (arXiv 2106.07889); `bands` hears
the levels of ERB bands, which is all that a generator of gains can change.

`scores, features = discriminators(signals, enhanced)`: a score at each place of an item for each
member of the ensemble (the higher, the more like clean), and every layer's activations for feature
matching. One score for a whole item would not tell the generator where it fails. Enhanced stands
beside what is judged, as the input does in pix2pix (arXiv 1611.07004): what matters is what was
made of it. The default sizes are small: they train on a CPU.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from lib.deepfilter.grid import band_matrix

SLOPE = 0.1  # of the leaky rectifiers, as in HiFi-GAN
# Speech falls by some 6 dB an octave. Flattened, it shows the highs that DeepFilterNet3 dulls.
PRE_EMPHASIS = 0.95
MIN_RMS = 1e-4  # -77 dBFS: a signal below it is not raised any further


class Period(nn.Module):
    """Every `period`-th sample in a row.

    Shape:
        - x: `[B, C, T]`; activations of each layer, the last one is the map of scores
    """

    def __init__(self, period: int, channels: int, n_inputs: int):
        super().__init__()
        self.period = period
        widths = [n_inputs, channels, 2 * channels, 4 * channels, 4 * channels]
        layers = [
            nn.Conv2d(c_in, c_out, (5, 1), (3, 1), (2, 0)) for c_in, c_out in pairwise(widths)
        ]
        layers.append(nn.Conv2d(widths[-1], 1, (3, 1)))
        self.layers = _normalised(layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        # Zeros fill the last row up.
        x = F.pad(x, (0, -x.shape[-1] % self.period))
        return _activations(self.layers, x.unflatten(2, (-1, self.period)))  # [B, C, rows, period]


class Scale(nn.Module):
    """The waveform at 1 / `factor` of its rate.

    Shape:
        - x: `[B, C, T]`; activations of each layer, the last one is the map of scores
    """

    def __init__(self, factor: int, channels: int, n_inputs: int):
        super().__init__()
        self.factor = factor
        n_groups = channels // 2
        self.layers = _normalised(
            [
                nn.Conv1d(n_inputs, channels, 15, 2, 7),
                nn.Conv1d(channels, 2 * channels, 21, 4, 10, groups=n_groups),
                nn.Conv1d(2 * channels, 4 * channels, 21, 4, 10, groups=n_groups),
                nn.Conv1d(4 * channels, 4 * channels, 5, 1, 2),
                nn.Conv1d(4 * channels, 1, 3, 1, 1),
            ]
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        if self.factor > 1:
            # The mean over `factor` samples keeps most of the highs from folding down.
            x = F.avg_pool1d(x, self.factor)
        return _activations(self.layers, x)


class Resolution(nn.Module):
    """Magnitudes to the power 0.3, in windows of `n_fft` samples.

    Shape:
        - x: `[B, C, T]`; activations of each layer, the last one is the map of scores
    """

    def __init__(self, n_fft: int, channels: int, n_inputs: int):
        super().__init__()
        self.n_fft = n_fft
        widths = [n_inputs, channels, 2 * channels, 2 * channels]
        layers = [
            nn.Conv2d(c_in, c_out, (9, 3), (4, 1), (4, 1)) for c_in, c_out in pairwise(widths)
        ]
        layers.append(nn.Conv2d(2 * channels, 2 * channels, 3, 1, 1))
        layers.append(nn.Conv2d(2 * channels, 1, 3, 1, 1))
        self.layers = _normalised(layers)
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        with torch.autocast(x.device.type, enabled=False):
            # (|X|^2)^0.15 = |X|^0.3; the floor of -90 dB gives silence a gradient.
            level = (_power(x, self.window, self.n_fft // 4) + 1e-9).pow(0.15)
        return _activations(self.layers, level)


class BandLevels(nn.Module):
    """Levels of DeepFilterNet3's 32 ERB bands, in windows of `n_fft` samples.

    Shape:
        - x: `[B, C, T]`; activations of each layer, the last one is the map of scores
    """

    def __init__(self, n_fft: int, channels: int, n_inputs: int):
        super().__init__()
        widths = [n_inputs, 2 * channels, 4 * channels, 4 * channels]
        layers = [
            nn.Conv2d(c_in, c_out, (5, 3), (2, 1), (2, 1)) for c_in, c_out in pairwise(widths)
        ]
        layers.append(nn.Conv2d(4 * channels, 1, 3, 1, 1))
        self.layers = _normalised(layers)
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.register_buffer(
            "bands", torch.from_numpy(band_matrix(n_fft // 2 + 1)), persistent=False
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        with torch.autocast(x.device.type, enabled=False):
            powers = _power(x, self.window, len(self.window) // 2)
            levels = torch.log10(powers.transpose(2, 3) @ self.bands + 1e-9)  # [B, C, frames, 32]
        # From -90 dB to full scale it runs from -1 to 1.
        return _activations(self.layers, (levels.transpose(2, 3) + 4.5) / 4.5)


KINDS = {"period": Period, "scale": Scale, "stft": Resolution, "bands": BandLevels}
# One member for each: periods (primes share few samples), factors of the rate, window lengths.
MEMBERS = {
    "period": (2, 3, 5, 7, 11),
    "scale": (1, 2, 4),
    "stft": (1024, 512, 2048),
    "bands": (960, 2400, 480),
}
# Width of the first layers, and how many members of each family there are.
SIZES = {
    "cpu": (12, {"period": 3, "scale": 2, "stft": 2, "bands": 2}),
    "gpu": (32, {"period": 5, "scale": 3, "stft": 3, "bands": 3}),
}


class Discriminators(nn.Module):
    """The ensemble.

    It hears every signal at the same level: it judges timbre, and other losses judge loudness. With
    enhanced beside it, both have enhanced's level.

    Args:
        kinds: the families: period, scale, stft, bands.
        size: cpu (12 channels; three periods, two scales, two resolutions, two of bands) or gpu
            (32; five, three, three, three).
        channels: width of the first layer of each member; 0: the size's.
        hear_enhanced: hear enhanced beside what is judged.

    Raises:
        KeyError: there is no such family.

    Shape:
        - signals, enhanced: `[B, 1, T]`
        - scores: list of `[B, places]`, one per member: a score at each place of its map
        - features: list (per member) of lists (per layer) of tensors

    >>> discriminators = Discriminators(("period", "scale", "stft"), channels=4)
    >>> scores, features = discriminators(torch.zeros(2, 1, 4800), torch.zeros(2, 1, 4800))
    >>> len(scores), list(scores[0].shape), len(features[0])
    (7, [2, 56], 5)
    """

    def __init__(
        self,
        kinds: Sequence[str] = ("period", "scale"),
        size: str = "cpu",
        channels: int = 0,
        hear_enhanced: bool = True,
    ):
        super().__init__()
        if unknown := set(kinds) - set(KINDS):
            raise KeyError(f"no discriminator {sorted(unknown)}: there are {', '.join(KINDS)}")
        width, n_members = SIZES[size]
        self.hear_enhanced = hear_enhanced
        self.parts = nn.ModuleList(
            [
                KINDS[kind](member, channels or width, 1 + hear_enhanced)
                for kind in kinds
                for member in MEMBERS[kind][: n_members[kind]]
            ]
        )

    def forward(self, signals: Tensor, enhanced: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """See the class."""
        if self.hear_enhanced:
            signals = torch.cat([signals, enhanced], dim=1)  # [B, 2, T]
        # s[n] - 0.95 s[n - 1]
        signals = signals - PRE_EMPHASIS * F.pad(signals, (1, 0))[..., :-1]
        # The floor comes before the root, whose gradient at 0 is infinite.
        power = signals[:, -1:].square().mean(dim=2, keepdim=True).clamp(min=MIN_RMS**2)
        signals = signals / power.sqrt()
        features = [part(signals) for part in self.parts]
        # In single precision under autocast, too.
        return [maps[-1].flatten(1).float() for maps in features], features


def score_pair(
    discriminators: nn.Module, clean: Tensor, restored: Tensor, enhanced: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Scores of clean and of restored signals, as one batch, which is faster than two.

    >>> clean, restored = torch.zeros(2, 1, 4800), torch.ones(2, 1, 4800)
    >>> on_clean, on_restored = score_pair(Discriminators(channels=4), clean, restored, clean)
    >>> len(on_clean), list(on_clean[0].shape)
    (5, [2, 56])
    """
    scores, _ = discriminators(torch.cat([clean, restored]), torch.cat([enhanced, enhanced]))
    n_clean = len(clean)
    return [part[:n_clean] for part in scores], [part[n_clean:] for part in scores]


def mean_score(scores: list[Tensor]) -> Tensor:
    """One number per item `[B]`, the mean over places, then over the ensemble.

    Training draws the scores of clean signals towards 1 and those of restored ones towards 0.

    >>> mean_score([torch.tensor([[1.0, 1.0], [0.0, 0.0]]), torch.tensor([[0.5], [0.5]])])
    tensor([0.7500, 0.2500])
    """
    return torch.stack([score.flatten(1).mean(1) for score in scores]).mean(0)


def _normalised(convs: list[nn.Module]) -> nn.ModuleList:
    """Convolutions with weight norms, and first weights that keep the variance from layer to layer.

    With PyTorch's own first weights the signal fades away within five layers.
    """
    for conv in convs:
        nn.init.kaiming_normal_(conv.weight, a=SLOPE)
        nn.init.zeros_(conv.bias)
    return nn.ModuleList([weight_norm(conv) for conv in convs])


def _activations(layers: nn.ModuleList, x: Tensor) -> list[Tensor]:
    activations = []
    for layer in layers[:-1]:
        x = F.leaky_relu(layer(x), SLOPE)
        activations.append(x)
    return [*activations, layers[-1](x)]


def _power(x: Tensor, window: Tensor, hop: int) -> Tensor:
    """Power spectra of `[B, C, T]`, in which a full-scale sine has 1: `[B, C, F, frames]`."""
    half = len(window) // 2
    # Zeros, since `torch.stft` mirrors the ends and refuses signals shorter than a window.
    padded = F.pad(x.float(), (half, half))
    z = torch.stft(
        padded.flatten(0, 1), len(window), hop, window=window, center=False, return_complex=True
    )
    power = (z.real.square() + z.imag.square()) * (2 / window.sum()) ** 2
    return power.unflatten(0, x.shape[:2])
