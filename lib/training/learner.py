"""What learns, and one step of it: generator against discriminators, in mixed precision, over micro-batches and processes.

A step's order: the generator's gradients, micro-batch by micro-batch, against the discriminators as they are; the
discriminators' on the same restored signals; then both norms, clipped; then both optimisers, or neither where a norm is not
finite; then the schedule and the average. So N micro-batches of one item are exactly one batch of N.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.profiler import record_function

from lib.losses.adversarial import adversarial_loss, discriminator_loss, feature_matching
from lib.losses.reconstruction import TERMS, ReconstructionLoss
from lib.losses.terms import band_limit
from lib.losses.weighting import weighted_sum
from lib.models.discriminators import Discriminators, score_pair
from lib.models.generator import build_generator, restore_aligned
from lib.training.schedule import Schedule

BETAS = (0.8, 0.99)  # of both optimisers, as in HiFi-GAN
DISCRIMINATOR_PARAMETERS = ("discriminators", "discriminator_size")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Batch(NamedTuple):
    """Signals `[B, 1, T]` on the device; true lengths in samples and bandwidths in Hz, `[B]`."""

    enhanced: Tensor
    noisy: Tensor
    clean: Tensor
    n_samples: Tensor
    bandwidth_hz: Tensor


class StepResult(NamedTuple):
    """What a step found, the same in every process."""

    terms: dict[str, float]  # of the loss, means over all items
    norms: dict[
        str, float
    ]  # of gradients before clipping: `generator`, `generator/<part>`, `discriminators`
    finite: bool  # all of these are; if not, nothing was changed but the position of the schedule and the scale of fp16
    overflowed: bool  # only fp16's range was left: the scale is halved, and the next step may do


class Learner:
    """Generator, its average (EMA), discriminators, optimisers, scalers and schedule: what a checkpoint holds.

    Args:
        p: config.Train, or anything with its attributes.
        n_steps: optimiser steps of the whole training, which the schedule spans.
        device: cpu, cuda or cuda:N.

    In a process of several (torch.distributed is initialised) gradients are those of all processes' batches together.
    """

    def __init__(self, p, n_steps: int, device: str):
        torch.manual_seed(p.seed)
        self.p, self.device = p, device
        layout = {
            "device": device,
            "memory_format": torch.channels_last,
        }  # a few percent faster on CPUs
        self.generator = build_generator(p).to(**layout)
        self.discriminators = Discriminators(p.discriminators, p.discriminator_size).to(device)
        self.average = build_generator(p).to(**layout).requires_grad_(False).eval()
        self.average.load_state_dict(self.generator.state_dict())
        self.adam_g = torch.optim.AdamW(self.generator.parameters(), p.lr, betas=BETAS)
        self.adam_d = torch.optim.AdamW(
            self.discriminators.parameters(), p.lr_discriminator, betas=BETAS
        )
        self.schedule = Schedule(
            [self.adam_g, self.adam_d], p.lr_schedule, n_steps, p.warmup_steps, p.n_cycles
        )
        scales = torch.device(device).type, p.precision == "fp16"
        self.scaler_g, self.scaler_d = (
            torch.amp.GradScaler(scales[0], enabled=scales[1]) for _ in range(2)
        )
        self.lambdas = {name: getattr(p, f"lambda_{name}") for name in TERMS}
        used = [name for name in TERMS if self.lambdas[name] > 0]
        self.compare = ReconstructionLoss(used, p.high_band_weight).to(device)
        self.wrapped_g, self.wrapped_d = self.generator, self.discriminators
        if dist.is_initialized():
            self.wrapped_g, self.wrapped_d = (
                DistributedDataParallel(part, broadcast_buffers=False)
                for part in (self.generator, self.discriminators)
            )

    def state_dict(self) -> dict:
        """Everything that a step changes."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, saved: Mapping[str, dict]) -> None:
        """Go on from a `state_dict`. Raises `KeyError` or `RuntimeError` if it is another network's."""
        for name, part in self._parts().items():
            part.load_state_dict(saved[name])

    def start_from(self, saved: Mapping[str, dict], discriminators: bool) -> None:
        """Take the averaged generator of a `state_dict`, and on demand its discriminators with their optimiser."""
        self.generator.load_state_dict(saved["average"])
        self.average.load_state_dict(saved["average"])
        if discriminators:
            self.discriminators.load_state_dict(saved["discriminators"])
            self.adam_d.load_state_dict(saved["adam_d"])
            self.schedule.load_state_dict(self.schedule.state_dict())  # the learning rate is ours

    def step(self, batches: Sequence[Batch], ramp: float = 0.0, start: int = 0) -> StepResult:
        """One optimiser step over micro-batches.

        Args:
            ramp: what the GAN's terms count of their weights, 0 to 1; 0: the generator trains alone.
            start: where the part of a segment begins that the discriminators hear, if they hear a part.
        """
        self.adam_g.zero_grad(), self.adam_d.zero_grad()
        n_items, terms = sum(len(batch.clean) for batch in batches), {}
        for index, batch in enumerate(batches):
            share = len(batch.clean) / n_items
            with self._no_sync() if index + 1 < len(batches) else nullcontext():
                for name, term in self._gradients(batch, share, ramp, start).items():
                    terms[name] = terms.get(name, 0.0) + share * term

        with record_function("norms, optimisers, average"):
            return self._apply(terms, self._sides(ramp > 0))

    def _apply(self, terms: dict[str, Tensor], sides: list[tuple]) -> StepResult:
        """Step with the gradients that are there, unless something is not finite."""
        terms, norms = self._read(terms, self._norms(sides))
        sound = all(
            map(math.isfinite, terms.values())
        )  # a loss that is NaN may have a gradient of zero
        finite = sound and all(map(math.isfinite, norms.values()))
        can_scale_less = all(scaler.is_enabled() and scaler.get_scale() > 1 for *_, scaler in sides)
        overflowed = sound and not finite and can_scale_less
        if finite:
            for name, part, adam, scaler in sides:
                total = torch.tensor(norms[name], device=self.device)
                clip_grads_with_norm_(part.parameters(), self.p.grad_clip, total)
                scaler.step(adam)
            update_average(self.average, self.generator, self.p.ema_decay, self.schedule.position)
        for *_, scaler in sides:
            scaler.update()
        self.schedule.step()
        return StepResult(terms, norms, finite, overflowed)

    def _gradients(self, batch: Batch, share: float, ramp: float, start: int) -> dict[str, Tensor]:
        """The gradients of one micro-batch, added to those that are there; returns the loss terms."""
        inputs = (
            torch.cat([batch.enhanced, batch.noisy], dim=1)
            if self.p.condition_on_noisy
            else batch.enhanced
        )
        with record_function("generator"), self._autocast():
            restored = restore_aligned(self.wrapped_g, inputs)
        with record_function("losses"):
            restored, clean = (
                band_limit(x.float(), batch.bandwidth_hz) for x in (restored, batch.clean)
            )
            terms = self.compare(restored, clean, batch.n_samples, batch.bandwidth_hz)
        weights = {name: self.lambdas[name] for name in terms}
        if ramp > 0:
            n = self.p.discriminator_segment_length or restored.shape[-1]
            ours, real = (x[..., start : start + n] for x in (restored, clean))
            self.discriminators.requires_grad_(False)
            with record_function("discriminators, for the generator"), self._autocast():
                scores, maps = self.discriminators(ours)
                with torch.no_grad():
                    _, real_maps = self.discriminators(real)
            terms |= {
                "adversarial": adversarial_loss(scores),
                "features": feature_matching(maps, real_maps),
            }
            weights |= {
                name: ramp * getattr(self.p, f"lambda_{name}")
                for name in ("adversarial", "features")
            }
        with record_function("backward"):
            self.scaler_g.scale(share * weighted_sum(terms, weights)).backward()

        if ramp > 0:
            self.discriminators.requires_grad_(True)
            with record_function("discriminators, for themselves"):
                with self._autocast():
                    on_clean, on_restored = score_pair(self.wrapped_d, real, ours.detach())
                terms["discriminator"] = discriminator_loss(on_clean, on_restored)
                self.scaler_d.scale(share * terms["discriminator"]).backward()
        return {name: term.detach() for name, term in terms.items()}

    def _norms(self, sides: list[tuple]) -> dict[str, Tensor]:
        """Unscaled gradient norms, by side and by part of the generator."""
        for *_, adam, scaler in sides:
            scaler.unscale_(adam)
        parts = {name: part for name, part, *_ in sides}
        parts |= {f"generator/{name}": part for name, part in self.generator.named_children()}
        return {
            name: get_total_norm(grads)
            for name, part in parts.items()
            if (grads := _gradients(part))
        }

    @staticmethod
    def _read(*numbers: dict[str, Tensor]) -> list[dict[str, float]]:
        """All numbers of a step, means over the processes, with one wait for the device."""
        together = torch.stack([value.float() for some in numbers for value in some.values()])
        if dist.is_initialized():
            dist.all_reduce(together)
            together /= dist.get_world_size()
        values = iter(together.tolist())
        return [{name: next(values) for name in some} for some in numbers]

    def _sides(self, gan: bool) -> list[tuple]:
        generator = ("generator", self.generator, self.adam_g, self.scaler_g)
        return (
            [generator, ("discriminators", self.discriminators, self.adam_d, self.scaler_d)]
            if gan
            else [generator]
        )

    def _parts(self) -> dict:
        names = "generator average discriminators adam_g adam_d schedule scaler_g scaler_d"
        return {name: getattr(self, name) for name in names.split()}

    def _autocast(self):
        kind = torch.device(self.device).type
        return torch.autocast(kind, DTYPES[self.p.precision], enabled=self.p.precision != "fp32")

    def _no_sync(self):
        stack = ExitStack()
        for part in (self.wrapped_g, self.wrapped_d):
            if isinstance(part, DistributedDataParallel):
                stack.enter_context(part.no_sync())
        return stack


@torch.no_grad()
def update_average(averaged: nn.Module, network: nn.Module, decay: float, position: int) -> None:
    """One step of an exponential moving average of the weights, over at most a tenth of the steps so far.

    >>> ours, theirs = (nn.Linear(1, 1, bias=False).requires_grad_(False) for _ in range(2))
    >>> _ = ours.weight.fill_(0.0), theirs.weight.fill_(1.0), update_average(ours, theirs, 0.999, position=0)
    >>> round(ours.weight.item(), 3)
    0.9
    """
    decay = min(decay, (1 + position) / (10 + position))
    get_ema_multi_avg_fn(decay)(list(averaged.parameters()), list(network.parameters()), None)


def _gradients(part: nn.Module) -> list[Tensor]:
    return [weight.grad for weight in part.parameters() if weight.grad is not None]
