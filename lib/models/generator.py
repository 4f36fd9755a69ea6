"""The generator (enhanced, noisy) -> restored: two architectures behind one interface.

`restored, state = generator(inputs, state)` is the one function for training, whole files, streams
and export. It is causal. `state=None` is silence before the signal; a call with the state that the
last call returned goes on sample by sample. `restored` comes `generator.delay` samples late;
`restore_aligned` takes care of that for whole signals.
"""

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor, nn

from lib.models.causal import fold_weight_norm
from lib.models.spectral import Spectral
from lib.models.waveform import Waveform

ARCHITECTURES = {"spectral": Spectral, "waveform": Waveform}
# Parameters of a training that describe its generator.
SPECTRAL_PARAMETERS = ("mask_noisy", "gate_pauses", "band_gains")  # of that architecture alone
GENERATOR_PARAMETERS = (
    "architecture",
    "channels",
    "hidden",
    "condition_on_noisy",
    *SPECTRAL_PARAMETERS,
)


class GeneratorParameters(Protocol):
    """What `build_generator` reads of a training's parameters, e.g. of `lib.config.train.Train`."""

    architecture: str
    channels: int
    hidden: int
    condition_on_noisy: bool
    mask_noisy: bool
    gate_pauses: bool
    band_gains: bool


def make_generator(
    architecture: str = "spectral",
    channels: int = 24,
    hidden: int = 256,
    condition_on_noisy: bool = True,
    mask_noisy: bool = False,
    gate_pauses: bool = True,
    band_gains: bool = True,
) -> nn.Module:
    """A new generator with random weights, which gives `enhanced` back almost unchanged.

    Args:
        architecture: `spectral` or `waveform`.
        channels: width of the first layer; measured sizes are in `SIZES` of either module.
        hidden: units of the GRU.
        condition_on_noisy: hear the noisy recording beside DeepFilterNet3's output.
        mask_noisy: of `spectral`: mix the noisy recording into the output, too.
        gate_pauses: of `spectral`: change nothing where nobody speaks.
        band_gains: of `spectral`: gains of ERB bands in place of a mask and a residual of bins.

    >>> generator = make_generator("waveform", channels=8, hidden=32)
    >>> generator.delay, generator.hop_length, generator.n_inputs
    (480, 480, 2)
    """
    masks = (mask_noisy, gate_pauses, band_gains) if architecture == "spectral" else ()
    return ARCHITECTURES[architecture](channels, condition_on_noisy, hidden, *masks)


def build_generator(p: GeneratorParameters) -> nn.Module:
    """A new generator as the parameters of a training describe it."""
    return make_generator(**{name: getattr(p, name) for name in GENERATOR_PARAMETERS})


def restore_aligned(generator: nn.Module, inputs: Tensor) -> Tensor:
    """Whole signals at lag 0, with the tail that the generator's delay would cut off.

    Shape:
        - inputs: `[B, C, T]`, any `T >= 1`
        - restored: `[B, 1, T]`
    """
    # Training in several processes wraps the generator.
    network = getattr(generator, "module", generator)
    n_samples = inputs.shape[-1]
    n_hops = -(-(n_samples + network.delay) // network.hop_length)
    padded = F.pad(inputs, (0, n_hops * network.hop_length - n_samples))
    restored, _ = generator(padded)
    return restored[..., network.delay : network.delay + n_samples]


def folded_copy(generator: nn.Module) -> nn.Module:
    """A copy on the CPU in eval mode, its weight norms folded into the weights."""
    # A deepcopy would share the classes that the parametrisation makes with the original.
    copy = type(generator)(*generator.arguments)
    copy.load_state_dict(generator.state_dict())
    return fold_weight_norm(copy).eval().requires_grad_(False)
