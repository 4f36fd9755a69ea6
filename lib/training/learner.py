"""What learns, and one step of it: generator and discriminators, in mixed precision.

The order of a step:

1. The generator's gradients, one micro-batch after the other, against the discriminators as they
   are; then the discriminators' gradients on the same restored signals.
2. Both gradient norms; then both are clipped.
3. Both optimisers; neither if a loss or norm is not finite.
4. The schedule and the average.

So N micro-batches of one item equal one batch of N items. In one of several processes
(torch.distributed is initialised) the gradients are those of all processes' batches together.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.profiler import record_function

from lib.losses.adversarial import adversarial_loss, discriminator_loss, feature_matching
from lib.losses.reconstruction import TERMS, ReconstructionLoss
from lib.losses.target import training_target
from lib.losses.terms import band_limit
from lib.losses.weighting import weighted_sum
from lib.models.discriminators import Discriminators, score_pair
from lib.models.generator import build_generator, restore_aligned
from lib.runtime.threads import choose_precision
from lib.training.average import update_average
from lib.training.balance import Balance
from lib.training.distributed import mean_over_processes
from lib.training.schedule import Schedule
from lib.training.step import Batch, StepResult

if TYPE_CHECKING:  # the step itself runs without pydantic
    from lib.config.train import Train

BETAS = (0.8, 0.99)  # of both optimisers, as in HiFi-GAN
DISCRIMINATOR_PARAMETERS = ("discriminators", "discriminator_size", "condition_discriminators")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
GAN_TERMS = ("adversarial", "features")  # what the discriminators ask of the generator


class Side(NamedTuple):
    """One side of the GAN, as the optimiser step sees it."""

    name: str
    network: nn.Module
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler


class Learner:
    """Generator, its average, discriminators, optimisers, scalers and schedule: all that learns.

    Args:
        p: parameters of the training, or any object with these attributes.
        n_steps: optimiser steps of the whole training, which the schedule spans.
        device: cpu, cuda or cuda:N.
    """

    def __init__(self, p: "Train", n_steps: int, device: str):
        # The first weights follow from the seed, and they are the same in every process.
        torch.manual_seed(p.seed)
        self.p = p
        self.device = device
        # This layout is a few percent faster on CPUs.
        layout = {"device": device, "memory_format": torch.channels_last}
        self.generator = build_generator(p, learning=True).to(**layout)
        self.discriminators = Discriminators(
            p.discriminators, p.discriminator_size, hear_enhanced=p.condition_discriminators
        ).to(device)
        self.average = build_generator(p).to(**layout).requires_grad_(False).eval()
        # It was made with random weights of its own.
        self.average.load_state_dict(self.generator.state_dict())
        adam = torch.optim.AdamW
        self.adam_g = adam(self.generator.parameters(), p.lr, betas=BETAS)
        self.adam_d = adam(self.discriminators.parameters(), p.lr_discriminator, betas=BETAS)
        self.schedule = Schedule(
            [self.adam_g, self.adam_d], p.lr_schedule, n_steps, p.warmup_steps, p.n_cycles
        )
        self.balance = Balance(p.gan_share)
        self.device_type = torch.device(device).type
        self.precision = choose_precision(p.precision, device)
        # A scaler each, so that an overflow on one side leaves the other's scale alone.
        self.scaler_g, self.scaler_d = (
            torch.amp.GradScaler(self.device_type, enabled=self.precision == "fp16")
            for _ in range(2)
        )
        self.lambdas = {name: getattr(p, f"lambda_{name}") for name in (*TERMS, *GAN_TERMS)}
        # A term of weight 0 costs time and changes nothing.
        used = [name for name in TERMS if self.lambdas[name] > 0]
        dtype = DTYPES[self.precision]
        self.compare = ReconstructionLoss(used, p.high_band_weight, p.pesq_forgives, dtype).to(
            device
        )
        # Only calls that end in a gradient of that network's weights go through the wrappers.
        self.wrapped_g, self.wrapped_d = self.generator, self.discriminators
        if dist.is_initialized():
            self.wrapped_g, self.wrapped_d = (
                # Buffers are windows, which are the same in every process.
                DistributedDataParallel(network, broadcast_buffers=False)
                for network in (self.generator, self.discriminators)
            )

    def state_dict(self) -> dict:
        """Everything that a step changes."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, saved: Mapping[str, dict]) -> None:
        """Go on from a `state_dict`.

        Raises:
            KeyError, ValueError, RuntimeError: it is that of another network.
        """
        for name, part in self._parts().items():
            part.load_state_dict(saved[name])

    def start_from(self, saved: Mapping[str, dict], discriminators: bool) -> None:
        """Begin with the averaged generator of another training's `state_dict`.

        Args:
            discriminators: take its discriminators and their optimiser, too.
        """
        self.generator.load_state_dict(saved["average"])
        self.average.load_state_dict(saved["average"])
        if discriminators:
            self.discriminators.load_state_dict(saved["discriminators"])
            self.adam_d.load_state_dict(saved["adam_d"])
            # The optimiser came with a learning rate; this training keeps its own.
            self.schedule.load_state_dict(self.schedule.state_dict())

    def step(
        self, batches: Sequence[Batch], ramp: float | None = None, start: int = 0
    ) -> StepResult:
        """Take one optimiser step over micro-batches.

        Args:
            ramp: share of the GAN's loss weights, 0 to 1. With 0 the discriminators learn, and the
                generator does not hear them. None: the generator trains alone.
            start: first sample of the part of a segment that the discriminators hear, if they hear
                a part.
        """
        self.adam_g.zero_grad()
        self.adam_d.zero_grad()
        # The last micro-batch may be smaller: each counts by its items.
        n_items = sum(len(batch.clean) for batch in batches)
        terms: dict[str, Tensor] = {}
        for index, batch in enumerate(batches):
            share = len(batch.clean) / n_items
            with self._no_sync() if index + 1 < len(batches) else nullcontext():
                for name, term in self._add_gradients(batch, share, ramp, start).items():
                    terms[name] = terms.get(name, 0.0) + share * term

        with record_function("norms, optimisers, average"):
            return self._apply(terms, self._sides(gan=ramp is not None))

    def _add_gradients(
        self, batch: Batch, share: float, ramp: float | None, start: int
    ) -> dict[str, Tensor]:
        """Add the gradients of one micro-batch; returns the loss terms."""
        inputs = batch.enhanced
        if self.p.condition_on_noisy:
            inputs = torch.cat([batch.enhanced, batch.noisy], dim=1)
        with record_function("generator"), self._autocast():
            output = restore_aligned(self.wrapped_g, inputs)
        # The losses end here, so that their gradients can be weighed before they go on.
        leaf = output.detach().float().requires_grad_()
        with record_function("losses"):
            # Spectra and losses are in single precision: they stand outside autocast.
            restored, clean, enhanced = (
                band_limit(signals.float(), batch.bandwidth_hz)
                for signals in (leaf, batch.clean, batch.enhanced)
            )
            target = training_target(clean, enhanced, self.p.target)
            terms = self.compare(restored, target, enhanced, batch.n_samples, batch.bandwidth_hz)
            loss = self._weighted_loss(terms, share)
        gan_loss = None
        if ramp is not None:
            n = self.p.discriminator_segment_length or restored.shape[-1]
            # All are cut at the same place, since they are compared.
            signals = restored, target, enhanced
            restored_part, target_part, beside = (x[..., start : start + n] for x in signals)
        if ramp:
            gan_terms = self._gan_terms(restored_part, target_part, beside)
            gan_loss = self._weighted_loss(gan_terms, share)
            terms |= gan_terms
        with record_function("backward"):
            last_layer = self.generator.last_layer
            self.balance.backward(output, leaf, loss, gan_loss, ramp or 0.0, last_layer)
        if ramp is not None:
            # After the backward pass, and detached: this loss is none of the generator's.
            terms["discriminator"] = self._add_discriminator_gradients(
                restored_part.detach(), target_part, beside, share
            )
        return {name: term.detach() for name, term in terms.items()}

    def _weighted_loss(self, terms: dict[str, Tensor], share: float) -> Tensor:
        weights = {name: self.lambdas[name] for name in terms}
        return self.scaler_g.scale(share * weighted_sum(terms, weights))

    def _gan_terms(self, restored: Tensor, clean: Tensor, enhanced: Tensor) -> dict[str, Tensor]:
        """The generator's side of the GAN, without gradients for the discriminators."""
        # The gradient passes through them, but it must not add to theirs.
        self.discriminators.requires_grad_(False)
        with record_function("discriminators, for the generator"), self._autocast():
            scores, maps = self.discriminators(restored, enhanced)
            # Feature matching takes clean as fixed: its activations need no graph.
            with torch.no_grad():
                _, clean_maps = self.discriminators(clean, enhanced)
        self.discriminators.requires_grad_(True)
        return {
            "adversarial": adversarial_loss(scores),
            "features": feature_matching(maps, clean_maps),
        }

    def _add_discriminator_gradients(
        self, restored: Tensor, clean: Tensor, enhanced: Tensor, share: float
    ) -> Tensor:
        """The discriminators' side of the GAN; returns its loss."""
        with record_function("discriminators, for themselves"):
            with self._autocast():
                clean_scores, restored_scores = score_pair(
                    self.wrapped_d, clean, restored, enhanced
                )
            loss = discriminator_loss(clean_scores, restored_scores)
            self.scaler_d.scale(share * loss).backward()
        return loss

    def _apply(self, terms: dict[str, Tensor], sides: list[Side]) -> StepResult:
        """Step with the gradients that were added, unless something is not finite."""
        # Means over the processes, so that all of them skip a step or none does.
        terms, norms = mean_over_processes(terms, self._norms(sides))
        # A loss that is NaN may have gradients of zero, so the terms are checked as well.
        finite_loss = all(map(math.isfinite, terms.values()))
        finite = finite_loss and all(map(math.isfinite, norms.values()))
        # At a scale of 1 or less halving does not help: the gradients themselves overflow.
        scalable = all(side.scaler.is_enabled() and side.scaler.get_scale() > 1 for side in sides)
        if finite:
            for side in sides:
                # The norm is known already; `clip_grad_norm_` would work it out again.
                norm = torch.tensor(norms[side.name], device=self.device)
                clip_grads_with_norm_(side.network.parameters(), self.p.grad_clip, norm)
                side.scaler.step(side.optimiser)
            update_average(self.average, self.generator, self.p.ema_decay, self.schedule.position)
        self.balance.end_step(self.scaler_g.get_scale())
        # Skipped steps count, too: the scaler halves its scale, and the schedule ends on time.
        for side in sides:
            side.scaler.update()
        self.schedule.step()
        return StepResult(terms, norms, finite, finite_loss and not finite and scalable)

    def _norms(self, sides: list[Side]) -> dict[str, Tensor]:
        """Unscaled gradient norms, by side and by part of the generator."""
        # First, since norms of scaled gradients would mean nothing to `grad_clip`.
        for side in sides:
            side.scaler.unscale_(side.optimiser)
        parts = {side.name: side.network for side in sides}
        parts |= {f"generator/{name}": part for name, part in self.generator.named_children()}
        gradients = {
            name: [weight.grad for weight in part.parameters() if weight.grad is not None]
            for name, part in parts.items()
        }
        return {name: get_total_norm(grads) for name, grads in gradients.items() if grads}

    def _sides(self, gan: bool) -> list[Side]:
        # Before the GAN starts the discriminators have no gradients: their optimiser rests.
        sides = [Side("generator", self.generator, self.adam_g, self.scaler_g)]
        if gan:
            sides.append(Side("discriminators", self.discriminators, self.adam_d, self.scaler_d))
        return sides

    def _parts(self) -> dict:
        networks = ("generator", "average", "discriminators")
        others = ("adam_g", "adam_d", "schedule", "balance", "scaler_g", "scaler_d")
        return {name: getattr(self, name) for name in (*networks, *others)}

    def _autocast(self) -> torch.autocast:
        dtype = DTYPES[self.precision]
        return torch.autocast(self.device_type, dtype, enabled=self.precision != "fp32")

    def _no_sync(self) -> ExitStack:
        """Within it, gradients stay in this process: only the last micro-batch exchanges them."""
        stack = ExitStack()
        for network in (self.wrapped_g, self.wrapped_d):
            if isinstance(network, DistributedDataParallel):
                stack.enter_context(network.no_sync())
        return stack
