"""How much the GAN may pull: a share of the gradient, measured at the generator's last layer.

Losses in other units and on other data then keep their parts. VQGAN (arXiv 2012.09841) measures
there, too. At the waveform the measure misleads: what a discriminator asks may lie in bins that are
too faint for the network to move.
"""

import math

import torch
import torch.distributed as dist
from torch import Tensor

DECAY = 0.9  # of the averages of both norms, per step


class Balance:
    """The factor of the GAN's gradient, from the norms of the steps before.

    It is the same for all micro-batches and processes of a step: N small batches stay one large
    batch. In the first step of a GAN nothing has been measured, and the factor is 0.

    Args:
        share: of the GAN, in `[0, 1)`, in the sum of both norms; 0: the factor is always 1, and the
            weights of the losses decide.

    >>> balance = Balance(0.25)
    >>> balance.factor()
    0.0
    >>> balance.update(3.0, 10.0)
    >>> round(balance.factor() * 10.0, 6)
    1.0
    """

    def __init__(self, share: float):
        self.share = share
        self.norms: tuple[float, float] | None = None  # of reconstruction and GAN, averaged
        self._sums: list[Tensor] | None = None  # both gradients at the last layer, in this step

    def factor(self) -> float:
        """What the GAN's terms are multiplied by in the next step."""
        if self.share == 0:
            return 1.0
        if self.norms is None:
            return 0.0
        reconstruction, gan = self.norms
        return self.share / (1 - self.share) * reconstruction / max(gan, 1e-12)

    def backward(
        self,
        restored: Tensor,
        leaf: Tensor,
        reconstruction: Tensor,
        gan: Tensor | None,
        ramp: float,
        last_layer: Tensor,
    ) -> None:
        """Add the gradients of one micro-batch to the generator's.

        Args:
            restored: the generator's output. leaf: the same without its graph, of which both losses
                are made.
            reconstruction, gan: losses; None: the generator trains alone.
            ramp: a further factor of the GAN.
            last_layer: weights at which the norms are measured.
        """
        # Both losses may begin with one band limit, whose graph both need.
        (gradient,) = torch.autograd.grad(reconstruction, leaf, retain_graph=gan is not None)
        if gan is not None:
            (gan_gradient,) = torch.autograd.grad(gan, leaf)
            if self.share > 0:
                both = [gradient, gan_gradient]
                measured = [
                    torch.autograd.grad(restored, last_layer, g.to(restored.dtype), True)[0]
                    for g in both
                ]
                sums = self._sums or [torch.zeros_like(part) for part in measured]
                self._sums = [old + new for old, new in zip(sums, measured, strict=True)]
            gradient = gradient + ramp * self.factor() * gan_gradient
        restored.backward(gradient.to(restored.dtype))

    def end_step(self, scale: float) -> None:
        """Take in what the micro-batches of all processes measured; `scale`: of their losses."""
        if self._sums is None:
            return
        if dist.is_initialized():
            for part in self._sums:
                dist.all_reduce(part)
        norms = [part.norm().item() / scale for part in self._sums]
        self._sums = None
        if all(map(math.isfinite, norms)):
            self.update(*norms)

    def update(self, reconstruction: float, gan: float) -> None:
        """Take in the norms of a step's two gradients, each without the factor."""
        old = self.norms or (reconstruction, gan)
        new = reconstruction, gan
        self.norms = tuple(DECAY * a + (1 - DECAY) * b for a, b in zip(old, new, strict=True))

    def state_dict(self) -> dict:
        """The averages."""
        return {"norms": self.norms}

    def load_state_dict(self, saved: dict) -> None:
        """Go on from a `state_dict`."""
        self.norms = saved["norms"]
