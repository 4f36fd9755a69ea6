"""One hop of the whole chain: noisy -> restored, with every state as an argument and a result.

It does what `RestorerStream.push` does with hops of 480 samples, pauses, working level and loudness
included. All states begin as zeros. `lib.inference.chain_export` makes an ONNX model of it.
"""

import torch
from torch import Tensor, nn

from lib.deepfilter.grid import DELAY, DELAY_HOPS, HOP_LENGTH
from lib.inference.chain_frames import FRAME_STATES, Active, Frames, Pending
from lib.inference.chain_level import LEVEL_STATES, Listen
from lib.inference.chain_loudness import LOUDNESS_STATES, HopLoudness
from lib.models.generator import folded_copy

INPUTS = ("noisy", "mix", "atten_lim_db")
# Of all hops that are on their way, pauses or not.
QUEUE_STATES = {
    "past": (1, DELAY + HOP_LENGTH),  # noisy: the last four hops
    "factors": (1, DELAY_HOPS + 1),  # with which they are heard, above 1
    "n_pending": (1, 1),  # hops that the network has heard and that have not come out, 0 to 3
    "later": (DELAY_HOPS, HOP_LENGTH),  # enhanced of the next three hops as far as it is known
    "n_hops": (1, 1),  # since the start, up to 4
    "enhanced": (1, HOP_LENGTH),  # the hop that the restorer heard last, as it heard it
}


class Finish(nn.Module):
    """From what the first stage gives in a hop to restored, and the states of all that follows."""

    def __init__(self, generator: nn.Module):
        super().__init__()
        self.generator = generator
        self.loudness = HopLoudness()
        # Row k of three is due if at least 3 - k hops are pending.
        self.register_buffer("due", DELAY_HOPS - torch.arange(float(DELAY_HOPS))[:, None])

    def forward(
        self,
        hop: Tensor,
        is_active: Tensor,
        factor: Tensor,
        mix: Tensor,
        rows: Tensor,
        *states: Tensor,
    ) -> tuple[Tensor, ...]:
        """Restored `[1, 480]`, then the states after: `QUEUE_STATES`, loudness, generator.

        Args:
            rows: `[3, 480]`, of the first stage: enhanced of hops that become known now.
        """
        past, factors, n_pending, later, n_hops, before, weighting, means, *generator = states
        enhanced = later + rows * (n_pending >= self.due).float()
        now, rest = enhanced.split([1, DELAY_HOPS - 1])
        later = torch.cat([rest, torch.zeros(1, HOP_LENGTH)])
        n_pending = (n_pending + 1).clamp(max=DELAY_HOPS) * is_active.float()

        # The first stage is three hops late, and the restorer one more.
        last_factor, this_factor = (factors[:, :2] + 1).split(1, dim=1)
        dry, noisy, _ = past.split([HOP_LENGTH, HOP_LENGTH, DELAY - HOP_LENGTH], dim=1)
        now = now * this_factor
        inputs = torch.stack([now, noisy * this_factor], dim=1)  # [1, 2, 480]
        restored, generator = self.generator(inputs[:, : self.generator.n_inputs], generator)
        # The restorer begins with the first hop that the first stage gives, and is a hop late.
        has_begun = (n_hops >= DELAY_HOPS).float().reshape(1)
        generator = [state * has_begun for state in generator]
        restored = restored[0] * (n_hops > DELAY_HOPS).float()

        matched, weighting, means = self.loudness(before, restored, weighting, means)
        output = dry + (matched / last_factor - dry) * mix
        past = torch.cat([past[:, HOP_LENGTH:], hop], dim=1)
        factors = torch.cat([factors[:, 1:], factor - 1], dim=1)
        n_hops = (n_hops + 1).clamp(max=DELAY_HOPS + 1)
        return output, past, factors, n_pending, later, n_hops, now, weighting, means, *generator


class Chain(nn.Module):
    """`restored, *states = chain(noisy, mix, atten_lim_db, *states)`.

    Args:
        generator: in eval mode.

    Shape:
        - noisy, restored: `[1, 480]`; samples that are NaN or infinite count as zero
        - mix, atten_lim_db: scalars, see `Restorer` and `lib.deepfilter.settings`
        - states: as `states` names them

    >>> from lib.models.pretrained import load_weights
    >>> chain = Chain(load_weights())
    >>> restored, *states = chain(torch.zeros(1, 480), *chain.options(), *chain.start())
    >>> list(restored.shape), len(states) == len(chain.states), chain.delay
    ([1, 480], True, 1920)
    """

    def __init__(self, generator: nn.Module):
        super().__init__()
        generator = folded_copy(generator)
        # The first stage starts on a hop when it is whole; so does the restorer on enhanced.
        self.delay = DELAY + generator.delay
        self.listen, self.finish = Listen(), Finish(generator)
        frames = Frames()
        self.active, self.pending = Active(frames), Pending(frames)
        of_generator = {
            f"restorer_{i}": tuple(state.shape) for i, state in enumerate(generator.start(1))
        }
        self.states = {
            **LEVEL_STATES,
            **FRAME_STATES,
            **QUEUE_STATES,
            **LOUDNESS_STATES,
            **of_generator,
        }
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(
        self, noisy: Tensor, mix: Tensor, atten_lim_db: Tensor, *states: Tensor
    ) -> tuple[Tensor, ...]:
        """See the class."""
        level, frames, others = _split(states, len(LEVEL_STATES), len(FRAME_STATES))
        past, n_pending = others[0], others[2]
        hop, is_active, factor, share, *level_after = self.listen(noisy, atten_lim_db, *level)
        rows = torch.zeros(DELAY_HOPS, HOP_LENGTH)
        frames_after = frames
        if is_active:
            rows, *frames_after = self.active(hop, factor, share, *frames)
        elif n_pending > 0:
            rows = self.pending(past, share, *level_after[2:], *level, *frames)
        restored, *others = self.finish(hop, is_active, factor, mix, rows, *others)
        return restored, *level_after, *frames_after, *others

    def start(self) -> list[Tensor]:
        """The states before any signal: zeros."""
        return [torch.zeros(shape) for shape in self.states.values()]

    @staticmethod
    def options(mix: float = 1.0, atten_lim_db: float = 100.0) -> tuple[Tensor, Tensor]:
        """The two scalars as they go in."""
        return torch.tensor(mix), torch.tensor(atten_lim_db)


def _split(states: tuple[Tensor, ...], *sizes: int) -> list[tuple[Tensor, ...]]:
    """The first ones in groups of these sizes, and the rest."""
    groups, start = [], 0
    for size in sizes:
        groups.append(states[start : start + size])
        start += size
    return [*groups, states[start:]]
