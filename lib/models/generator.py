"""The restorer's generator: (enhanced, noisy) -> restored, causal, with explicit state; two architectures behind one interface.

`restored, state = generator(inputs, state)` is the one function for training, whole files, streams and export. `state=None` means
silence before the signal; handing the returned state to the next call goes on sample-exactly. `restored` comes
`generator.delay` samples late; `restore` takes care of that for whole signals.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from lib.models.causal import fold_weight_norm
from lib.models.spectral import Spectral
from lib.models.waveform import Waveform

ARCHITECTURES = {"spectral": Spectral, "waveform": Waveform}


def make_generator(
    architecture: str = "spectral",
    channels: int = 24,
    hidden: int = 256,
    condition_on_noisy: bool = True,
) -> nn.Module:
    """A new generator. Sizes that were measured are in `spectral.SIZES` and `waveform.SIZES`.

    >>> generator = make_generator("waveform", channels=8, hidden=32)
    >>> generator.delay, generator.hop_length, generator.n_inputs
    (480, 480, 2)
    """
    return ARCHITECTURES[architecture](channels, condition_on_noisy, hidden)


def restore_aligned(generator: nn.Module, inputs: Tensor) -> Tensor:
    """Whole signals, aligned: `[B, C, T]` of any `T >= 1` -> `[B, 1, T]` at lag 0 and with the tail that the delay holds."""
    n_samples, own = (
        inputs.shape[-1],
        getattr(generator, "module", generator),
    )  # it may be wrapped for several processes
    total = -(-(n_samples + own.delay) // own.hop_length) * own.hop_length
    restored, _ = generator(F.pad(inputs, (0, total - n_samples)))
    return restored[..., own.delay : own.delay + n_samples]


def folded_copy(generator: nn.Module) -> nn.Module:
    """A copy on the CPU in eval mode, its weight norms folded into the weights."""
    other = type(generator)(
        *generator.arguments
    )  # deepcopy shares the classes that parametrisation makes
    other.load_state_dict(generator.state_dict())
    return fold_weight_norm(other).eval().requires_grad_(False)


GENERATOR_PARAMETERS = (
    "architecture",
    "channels",
    "hidden",
    "condition_on_noisy",
)  # parameters that `build` reads


def build_generator(p) -> nn.Module:
    """The generator that the parameters (config.Train, or a checkpoint's) describe."""
    return make_generator(p.architecture, p.channels, p.hidden, p.condition_on_noisy)
