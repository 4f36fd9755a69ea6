"""The generator (enhanced, noisy) -> restored: five architectures behind one interface.

`restored, state = generator(inputs, state)` is the one function for training, whole files, streams
and export. It is causal. `state=None` is silence before the signal; a call with the state that the
last call returned goes on sample by sample. `restored` comes `generator.delay` samples late;
`restore_aligned` takes care of that for whole signals.
"""

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor, nn

from lib.models.bands import Bands
from lib.models.bins import Bins
from lib.models.causal import fold_weight_norm
from lib.models.dual_path import DualPath
from lib.models.spectral import Spectral
from lib.models.waveform import Waveform

ARCHITECTURES = {
    "dual_path": DualPath,
    "bins": Bins,
    "bands": Bands,
    "spectral": Spectral,
    "waveform": Waveform,
}
# Which further parameters an architecture has.
OPTIONS = {
    "dual_path": ("mask_noisy", "gate_pauses", "learning"),
    "bins": ("gate_pauses", "learning"),
    "bands": ("gate_pauses",),
    "spectral": ("mask_noisy", "gate_pauses"),
    "waveform": (),
}
# Parameters of a training that describe its generator.
GENERATOR_PARAMETERS = (
    "architecture",
    "channels",
    "hidden",
    "condition_on_noisy",
    "mask_noisy",
    "gate_pauses",
)


class GeneratorParameters(Protocol):
    """What `build_generator` reads of a training's parameters, e.g. of `lib.config.train.Train`."""

    architecture: str
    channels: int
    hidden: int
    condition_on_noisy: bool
    mask_noisy: bool
    gate_pauses: bool


def make_generator(
    architecture: str = "bins",
    channels: int = 16,
    hidden: int = 256,
    condition_on_noisy: bool = True,
    mask_noisy: bool = False,
    gate_pauses: bool = True,
    learning: bool = False,
) -> nn.Module:
    """A new generator with random weights, which gives `enhanced` back almost unchanged.

    Args:
        architecture: `dual_path`, `bins`, `bands`, `spectral` or `waveform`.
        channels: width of the first layer; measured sizes are in `SIZES` of each module.
        hidden: units of the GRUs; of `dual_path` a multiple of 4.
        condition_on_noisy: hear the noisy recording beside DeepFilterNet3's output.
        mask_noisy: of `dual_path` and `spectral`: mix the noisy recording into the output, too.
        gate_pauses: of all but `waveform`: make nothing louder where nobody speaks.
        learning: of `dual_path` and `bins`: the network that learns, without the gate and with
            gains that are not yet made milder.

    >>> generator = make_generator("waveform", channels=8, hidden=32)
    >>> generator.delay, generator.hop_length, generator.n_inputs
    (480, 480, 2)
    """
    options = {"mask_noisy": mask_noisy, "gate_pauses": gate_pauses, "learning": learning}
    chosen = {name: options[name] for name in OPTIONS[architecture]}
    return ARCHITECTURES[architecture](channels, condition_on_noisy, hidden, **chosen)


def build_generator(p: GeneratorParameters, learning: bool = False) -> nn.Module:
    """A new generator as the parameters of a training describe it."""
    given = {name: getattr(p, name) for name in GENERATOR_PARAMETERS}
    return make_generator(**given, learning=learning)


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
    """A copy on the CPU in eval mode, its weight norms folded into the weights.

    A generator that is folded already, as loaded ones are, may be given, too.
    """
    # A deepcopy would share the classes that the parametrisation makes with the original.
    copy, weights = type(generator)(*generator.arguments), generator.state_dict()
    if not any("parametrizations" in name for name in weights):
        fold_weight_norm(copy)
    copy.load_state_dict(weights)
    return fold_weight_norm(copy).eval().requires_grad_(False)
