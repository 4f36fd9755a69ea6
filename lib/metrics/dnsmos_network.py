"""DNSMOS P.835 as a network in PyTorch, through which gradients pass.

The weights are those of the score, out of the package speechmos.
"""

from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import SAMPLE_RATE

MODEL_RATE = 16_000  # Hz
N_FFT, HOP_LENGTH = 320, 160
MIN_FRAMES = 8  # halved three times, one is left
MIN_LENGTH = N_FFT + (MIN_FRAMES - 1) * HOP_LENGTH  # samples at 16 kHz: 90 ms
# From the network's outputs to ratings as listeners give them: square, linear and constant part,
# for voice, background and whole. The numbers are those of the package.
POLYNOMIALS = (
    (-0.08397278, -0.13166888, -0.06766283),
    (1.22083953, 1.60915514, 1.11546468),
    (0.0052439, -0.39604546, 0.04602535),
)


class Dnsmos(nn.Module):
    """Ratings of signals, 1 to 5: `[B, 3]` of the voice, the background and the whole.

    A gradient passes through to the signal. The weights are frozen.

    Shape:
        - signals: `[B, 1, T]` at 48 kHz; n_samples: `[B]` true lengths, of which at least 90 ms are
          heard

    >>> ratings = dnsmos_network()(1e-3 * torch.randn(2, 1, 48_000), torch.tensor([48_000, 9_600]))
    >>> list(ratings.shape), bool(((ratings > 0.5) & (ratings < 5)).all())
    ([2, 3], True)
    """

    def __init__(self) -> None:
        super().__init__()
        # Cosine and sine of each bin, with the window.
        self.stft = nn.Conv1d(1, N_FFT + 2, N_FFT, HOP_LENGTH, bias=False)
        widths = (1, 128, 64, 64, 32, 32, 32, 64)
        self.convs = nn.ModuleList(nn.Conv2d(*pair, 3, padding=1) for pair in pairwise(widths))
        self.dense = nn.Sequential(
            nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 3)
        )
        self.register_buffer("polynomials", torch.tensor(POLYNOMIALS))

    def forward(
        self, signals: Tensor, n_samples: Tensor, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """See the class; `dtype` is that of the convolutions."""
        # Imported here, since torchaudio takes a second and only this network needs it.
        from torchaudio.functional import resample

        heard = resample(signals[:, 0], SAMPLE_RATE, MODEL_RATE)
        heard = F.pad(heard, (0, max(0, MIN_LENGTH - heard.shape[1])))
        lengths = (n_samples * MODEL_RATE // SAMPLE_RATE).clamp(MIN_LENGTH, heard.shape[1])
        # Zeros behind the end would be rated, too: each length goes in by itself.
        ratings = heard.new_empty(len(heard), 3)
        for length in lengths.unique().tolist():
            has_length = lengths == length
            ratings[has_length] = self._rate(heard[has_length, :length], dtype)
        return ratings

    def features(self, heard: Tensor, dtype: torch.dtype = torch.float32) -> list[Tensor]:
        """The activations of each convolution, from the first to the last.

        Shape:
            - heard: `[B, T]` at 16 kHz, at least 90 ms; each result: `[B, channels, frames, bins]`
        """
        real, imag = self.stft(heard[:, None]).chunk(2, dim=1)
        power = real.square() + imag.square()
        x = torch.log10(power.clamp(min=1e-12))  # [B, 161, frames]
        x = x.transpose(1, 2)[:, None]
        activations = []
        with torch.autocast(heard.device.type, dtype, enabled=dtype != torch.float32):
            for layer, conv in enumerate(self.convs):
                x = F.relu(conv(x))
                activations.append(x)
                if layer in (3, 4, 5):
                    x = F.max_pool2d(x, 2)
        return activations

    def _rate(self, heard: Tensor, dtype: torch.dtype) -> Tensor:
        last = self.features(heard, dtype)[-1]
        outputs = self.dense(last.amax((2, 3)).float())
        square, linear, constant = self.polynomials
        return square * outputs.square() + linear * outputs + constant


@cache
def dnsmos_network(device: str = "cpu") -> Dnsmos:
    """The frozen network on a device, read once in a process."""
    import onnx
    import speechmos

    path = Path(speechmos.__file__).parent / "dnsmos_models" / "sig_bak_ovr.onnx"
    stored = {
        tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        for tensor in onnx.load(path).graph.initializer
    }
    network = Dnsmos()
    parts = [stored[f"time2freq/stft-{part}/kernel:0"] for part in ("real", "imag")]
    weights = {"stft.weight": torch.cat(parts).transpose(1, 2)}
    for layer in range(len(network.convs)):
        name = f"conv2d_{layer}" if layer else "conv2d"
        weights[f"convs.{layer}.weight"] = stored[f"{name}/kernel:0"]
        weights[f"convs.{layer}.bias"] = stored[f"{name}/bias:0"]
    for layer, name in ((0, "dense"), (2, "dense_1"), (4, "dense_3")):
        of_layer = f"mos_estimator_logpow/{name}/%s/ReadVariableOp/resource:0"
        weights[f"dense.{layer}.weight"] = stored[of_layer % "MatMul"].T
        weights[f"dense.{layer}.bias"] = stored[of_layer % "BiasAdd"]
    network.load_state_dict(weights, strict=False)
    return network.to(device).eval().requires_grad_(False)
