"""The restorer's generator: (enhanced, noisy) -> restored, causal, with explicit state; two architectures behind one interface.

`restored, state = generator(inputs, state)` is the one function for training, whole files, streams and export. `state=None` means
silence before the signal; handing the returned state to the next call goes on sample-exactly. `restored` comes
`generator.delay` samples late; `restore` takes care of that for whole signals.
"""

import io
import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.causal import fold
from lib.spectral import Spectral
from lib.waveform import Waveform

ARCHITECTURES = {"spectral": Spectral, "waveform": Waveform}


def make(
    architecture: str = "spectral", channels: int = 24, hidden: int = 256, condition_on_noisy: bool = True
) -> nn.Module:
    """A new generator. Sizes that were measured are in `spectral.SIZES` and `waveform.SIZES`.

    >>> generator = make("waveform", channels=8, hidden=32)
    >>> generator.delay, generator.hop_length, generator.n_inputs
    (480, 480, 2)
    """
    return ARCHITECTURES[architecture](channels, condition_on_noisy, hidden)


def restore(generator: nn.Module, inputs: Tensor) -> Tensor:
    """Whole signals, aligned: `[B, C, T]` of any `T >= 1` -> `[B, 1, T]` at lag 0 and with the tail that the delay holds."""
    n_samples, own = (
        inputs.shape[-1],
        getattr(generator, "module", generator),
    )  # it may be wrapped for several processes
    total = -(-(n_samples + own.delay) // own.hop_length) * own.hop_length
    restored, _ = generator(F.pad(inputs, (0, total - n_samples)))
    return restored[..., own.delay : own.delay + n_samples]


def export(generator: nn.Module) -> bytes:
    """An ONNX model of one hop with explicit states: `inputs` `[1, C, 480]`, `state_0`, ... -> `restored`, `state_0_after`, ...

    Weight norms are folded into the weights of a copy; a hop's DFT is done by small matrices there.
    """
    single = folded(generator)
    state = single.start(1)
    names = ["inputs", *(f"state_{i}" for i in range(len(state)))]
    results = ["restored", *(f"{name}_after" for name in names[1:])]
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself, and of GRUs, whose state is an input here
        torch.onnx.export(
            _Hop(single), (torch.zeros(1, single.n_inputs, single.hop_length), *state), file, input_names=names,
            output_names=results, opset_version=17, dynamo=False,
        )  # fmt: skip
    return file.getvalue()


def folded(generator: nn.Module) -> nn.Module:
    """A copy on the CPU in eval mode, its weight norms folded into the weights."""
    other = type(generator)(*generator.arguments)  # deepcopy shares the classes that parametrisation makes
    other.load_state_dict(generator.state_dict())
    return fold(other).eval().requires_grad_(False)


class _Hop(nn.Module):
    """The generator with its state as single arguments and results, as ONNX has them."""

    def __init__(self, generator: nn.Module):
        super().__init__()
        self.generator = generator

    def forward(self, inputs: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        restored, state = self.generator(inputs, list(state))
        return restored, *state
