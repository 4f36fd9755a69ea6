"""The product's generator: a gain for each ERB band of each frame, from GRUs over band levels.

The gains of bands could win most of what there is to win, and they cannot make a sound that
DeepFilterNet3's output does not hold. A frame costs little, so that a training hears much speech.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH, N_ERB, N_FFT, band_matrix, vorbis_window
from lib.models.causal import State, check_hops
from lib.models.frames import analysis, synthesis
from lib.models.gate import pause_gate

# The measured size: summaries of the fine structure, units of the GRUs.
SIZES = {"base": (24, 256)}
MAX_GAIN_DB = 6.0  # of a band, up or down: beyond it noise is lifted more often than speech
N_LAYERS = 2
N_FINE = 240  # bins of the fine structure, up to 12 kHz: harmonics are told from noise there
FLOOR = 1e-12  # power, re a full-scale sine
CENTRE_DB, SPREAD_DB = -70.0, 30.0  # bring levels near zero and one


class Bands(nn.Module):
    """`enhanced` times one gain for each ERB band and frame, at most 6 dB up or down.

    GRUs hear the levels of the bands of both inputs, and a summary of their single bins. Where the
    gate is shut nothing gets louder. A new network has gains near 0 dB.

    Args:
        channels: summaries of the single bins of a frame.
        condition_on_noisy: hear the noisy recording beside DeepFilterNet3's output. No sound of it
            gets into the output.
        hidden: units of each of the two GRUs; 256 gives 0.9 million parameters.
        gate_pauses: make nothing louder where nobody speaks, see `lib.models.gate`.

    Shape:
        - inputs: `[B, 2, T]` (enhanced, noisy), or `[B, 1, T]` without conditioning; `T` a multiple
          of 480
        - restored: `[B, 1, T]`, `delay` = 480 samples late
    """

    hop_length = HOP_LENGTH
    delay = N_FFT - HOP_LENGTH
    max_gain_db = MAX_GAIN_DB

    def __init__(
        self,
        channels: int = 24,
        condition_on_noisy: bool = True,
        hidden: int = 256,
        gate_pauses: bool = True,
    ):
        super().__init__()
        self.arguments = (channels, condition_on_noisy, hidden, gate_pauses)
        self.gate_pauses = gate_pauses
        self.n_inputs = 2 if condition_on_noisy else 1
        self.fine = nn.Linear(self.n_inputs * N_FINE, channels)
        # Beside the levels of both signals stands how much DeepFilterNet3 took away.
        n_levels = N_ERB * (3 if condition_on_noisy else 1)
        self.encoder = nn.Linear(n_levels + channels, hidden)
        self.gru = nn.GRU(hidden, hidden, N_LAYERS, batch_first=True)
        self.head = nn.Linear(2 * hidden, N_ERB)
        # Start as DeepFilterNet3's output; weights of zero would leave layers without a gradient.
        with torch.no_grad():
            self.head.weight.mul_(1e-2)
            self.head.bias.zero_()
        self.register_buffer("window", torch.from_numpy(vorbis_window(N_FFT)), persistent=False)
        self.register_buffer("bands", torch.from_numpy(band_matrix()), persistent=False)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See the class.

        Raises:
            ValueError: `inputs` have another shape.
        """
        check_hops(inputs, self.n_inputs, HOP_LENGTH)
        last_hop, hidden, overlap, *others = state or self.start(len(inputs))
        with torch.autocast(inputs.device.type, enabled=False):
            real, imag, last_hop = analysis(inputs.float(), last_hop, self.window)
            gate, peaks = 1.0, []
            if self.gate_pauses:
                peak, *others = others
                gate, peak = pause_gate(real[:, :1], imag[:, :1], peak)
                peaks = [peak]
            power = real.square() + imag.square()  # [B, C, frames, 481]
            levels = scaled_levels(power @ self.bands)  # [B, C, frames, 32]
            fine = scaled_levels(power[..., :N_FINE])  # [B, C, frames, 240]

        parts = [*levels.unbind(1), *([levels[:, 1] - levels[:, 0]] if self.n_inputs == 2 else [])]
        summary = F.silu(self.fine(torch.cat(fine.unbind(1), dim=2)))
        encoded = F.silu(self.encoder(torch.cat([*parts, summary.float()], dim=2)))
        # The GRUs' state runs on from call to call; it stays in single precision.
        with torch.autocast(inputs.device.type, enabled=False):
            encoded = encoded.float()  # [B, frames, hidden]
            deep, hidden = self.gru(encoded, hidden.transpose(0, 1).contiguous())
            heard = torch.cat([encoded, deep], dim=2)  # [B, frames, 2 hidden]
        output, others = self.outputs(heard, fine, others)
        with torch.autocast(inputs.device.type, enabled=False):
            limited = self.max_gain_db * torch.tanh(output / self.max_gain_db)
            gains_db = self.in_use(limited, power[:, :1])  # [B, 1, frames, 481]
            gains_db = gate * F.relu(gains_db) - F.relu(-gains_db)
            gains = torch.exp(gains_db * (math.log(10) / 20))
            restored, overlap = synthesis(
                real[:, :1] * gains, imag[:, :1] * gains, overlap, self.window
            )
        return restored, [last_hop, hidden.transpose(0, 1), overlap, *peaks, *others]

    def outputs(
        self, heard: Tensor, fine: Tensor, others: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Gains in dB of all bins before the limit, and further state, of which there is none.

        Shape:
            - heard: `[B, frames, 2 hidden]`; fine: `[B, C, frames, 240]`
            - gains: `[B, 1, frames, 481]`
        """
        with torch.autocast(heard.device.type, enabled=False):
            return (self.head(heard) @ self.bands.T)[:, None], others

    def in_use(self, gains_db: Tensor, power: Tensor) -> Tensor:
        """The gains as they are applied, which may depend on enhanced's power: here, as they are.

        Shape:
            - all: `[B, 1, frames, 481]`
        """
        return gains_db

    @property
    def last_layer(self) -> Tensor:
        """The weights of the last layer, at which a training weighs its gradients."""
        return self.head.weight

    def start(self, batch_size: int) -> State:
        """The state of silence before the signal.

        It holds the last hop of the inputs, the GRUs' states, the half frame that overlaps the next
        hop and the loudest level that the gate knows.
        """
        zeros = self.window.new_zeros
        return [
            zeros(batch_size, self.n_inputs, HOP_LENGTH),
            zeros(batch_size, N_LAYERS, self.gru.hidden_size),
            zeros(batch_size, 1, HOP_LENGTH),
            *([zeros(batch_size, 1, 1)] if self.gate_pauses else []),
        ]


def scaled_levels(power: Tensor) -> Tensor:
    """Levels of powers, near -1 to 2.

    >>> scaled_levels(torch.tensor([1e-10, 1e-7, 1.0])).round(decimals=2)
    tensor([-1.0000,  0.0000,  2.3300])
    """
    return (10 * torch.log10(power + FLOOR) - CENTRE_DB) / SPREAD_DB
