"""What learns, and one step of it: generator against discriminators, in mixed precision, over micro-batches and processes.

A step's order: the generator's gradients, micro-batch by micro-batch, against the discriminators as they are; the
discriminators' on the same restored signals; then both norms, clipped; then both optimisers, or neither where a norm is not
finite; then the schedule and the average. So N micro-batches of one item are exactly one batch of N.
"""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.profiler import record_function

from lib import losses
from lib.discriminators import Discriminators, both
from lib.generator import make, restore

BETAS = (0.8, 0.99)  # of both optimisers, as in HiFi-GAN
LAST_LR = 0.05  # share of the learning rate that a cosine ends at
OF_GENERATOR = ("architecture", "channels", "hidden", "condition_on_noisy")  # parameters that `build` reads
OF_DISCRIMINATORS = ("discriminators", "discriminator_size")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Batch(NamedTuple):
    """Signals `[B, 1, T]` on the device; true lengths in samples and bandwidths in Hz, `[B]`."""

    enhanced: Tensor
    noisy: Tensor
    clean: Tensor
    n_samples: Tensor
    bandwidth_hz: Tensor


class Step(NamedTuple):
    """What a step found, the same in every process."""

    terms: dict[str, float]  # of the loss, means over all items
    norms: dict[str, float]  # of gradients before clipping: `generator`, `generator/<part>`, `discriminators`
    finite: bool  # all of these are; if not, nothing was changed but the position of the schedule and the scale of fp16
    overflowed: bool  # only fp16's range was left: the scale is halved, and the next step may do


class Learner:
    """Generator, its average (EMA), discriminators, optimisers, scalers and schedule: what a checkpoint holds.

    Args:
        p: params.Train, or anything with its attributes.
        n_steps: optimiser steps of the whole training, which the schedule spans.
        device: cpu, cuda or cuda:N.

    In a process of several (torch.distributed is initialised) gradients are those of all processes' batches together.
    """

    def __init__(self, p, n_steps: int, device: str):
        torch.manual_seed(p.seed)
        self.p, self.device = p, device
        layout = {"device": device, "memory_format": torch.channels_last}  # a few percent faster on CPUs
        self.generator = build(p).to(**layout)
        self.discriminators = Discriminators(p.discriminators, p.discriminator_size).to(device)
        self.average = build(p).to(**layout).requires_grad_(False).eval()
        self.average.load_state_dict(self.generator.state_dict())
        self.adam_g = torch.optim.AdamW(self.generator.parameters(), p.lr, betas=BETAS)
        self.adam_d = torch.optim.AdamW(self.discriminators.parameters(), p.lr_discriminator, betas=BETAS)
        self.schedule = Schedule([self.adam_g, self.adam_d], p.lr_schedule, n_steps, p.warm_up_steps, p.n_cycles)
        scales = torch.device(device).type, p.precision == "fp16"
        self.scaler_g, self.scaler_d = (torch.amp.GradScaler(scales[0], enabled=scales[1]) for _ in range(2))
        self.lambdas = {name: getattr(p, f"lambda_{name}") for name in losses.NAMES}
        used = [name for name in losses.NAMES if self.lambdas[name] > 0]
        self.compare = losses.Terms(used, p.high_weight).to(device)
        self.wrapped_g, self.wrapped_d = self.generator, self.discriminators
        if dist.is_initialized():
            self.wrapped_g, self.wrapped_d = (
                DistributedDataParallel(part, broadcast_buffers=False) for part in (self.generator, self.discriminators)
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

    def step(self, batches: Sequence[Batch], ramp: float = 0.0, start: int = 0) -> Step:
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

    def _apply(self, terms: dict[str, Tensor], sides: list[tuple]) -> Step:
        """Step with the gradients that are there, unless something is not finite."""
        terms, norms = self._read(terms, self._norms(sides))
        sound = all(map(math.isfinite, terms.values()))  # a loss that is NaN may have a gradient of zero
        finite = sound and all(map(math.isfinite, norms.values()))
        can_scale_less = all(scaler.is_enabled() and scaler.get_scale() > 1 for *_, scaler in sides)
        overflowed = sound and not finite and can_scale_less
        if finite:
            for name, part, adam, scaler in sides:
                total = torch.tensor(norms[name], device=self.device)
                clip_grads_with_norm_(part.parameters(), self.p.grad_clip, total)
                scaler.step(adam)
            average(self.average, self.generator, self.p.ema_decay, self.schedule.position)
        for *_, scaler in sides:
            scaler.update()
        self.schedule.step()
        return Step(terms, norms, finite, overflowed)

    def _gradients(self, batch: Batch, share: float, ramp: float, start: int) -> dict[str, Tensor]:
        """The gradients of one micro-batch, added to those that are there; returns the loss terms."""
        inputs = torch.cat([batch.enhanced, batch.noisy], dim=1) if self.p.condition_on_noisy else batch.enhanced
        with record_function("generator"), self._autocast():
            restored = restore(self.wrapped_g, inputs)
        with record_function("losses"):
            restored, clean = (losses.band_limit(x.float(), batch.bandwidth_hz) for x in (restored, batch.clean))
            terms = self.compare(restored, clean, batch.n_samples, batch.bandwidth_hz)
        weights = {name: self.lambdas[name] for name in terms}
        if ramp > 0:
            n = self.p.discriminator_length or restored.shape[-1]
            ours, real = (x[..., start : start + n] for x in (restored, clean))
            self.discriminators.requires_grad_(False)
            with record_function("discriminators, for the generator"), self._autocast():
                scores, maps = self.discriminators(ours)
                with torch.no_grad():
                    _, real_maps = self.discriminators(real)
            terms |= {"adversarial": losses.adversarial(scores), "features": losses.features(maps, real_maps)}
            weights |= {name: ramp * getattr(self.p, f"lambda_{name}") for name in ("adversarial", "features")}
        with record_function("backward"):
            self.scaler_g.scale(share * losses.weighted_sum(terms, weights)).backward()

        if ramp > 0:
            self.discriminators.requires_grad_(True)
            with record_function("discriminators, for themselves"):
                with self._autocast():
                    on_clean, on_restored = both(self.wrapped_d, real, ours.detach())
                terms["discriminator"] = losses.discriminator(on_clean, on_restored)
                self.scaler_d.scale(share * terms["discriminator"]).backward()
        return {name: term.detach() for name, term in terms.items()}

    def _norms(self, sides: list[tuple]) -> dict[str, Tensor]:
        """Unscaled gradient norms, by side and by part of the generator."""
        for *_, adam, scaler in sides:
            scaler.unscale_(adam)
        parts = {name: part for name, part, *_ in sides}
        parts |= {f"generator/{name}": part for name, part in self.generator.named_children()}
        return {name: get_total_norm(grads) for name, part in parts.items() if (grads := _gradients(part))}

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
        return [generator, ("discriminators", self.discriminators, self.adam_d, self.scaler_d)] if gan else [generator]

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


class Schedule:
    """The learning rates of several optimisers, stepped once per optimiser step: each has its peak times one common share.

    Args:
        kind: constant, cosine (down to 5 %) or restarts (a cosine `n_cycles` times; Loshchilov and Hutter, 1608.03983).
        n_steps: that the schedule spans; beyond, it stays where it ended.
        warm_up_steps: of a linear rise, at most a tenth of `n_steps`.

    >>> adam = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=2.0)
    >>> schedule, seen = Schedule([adam], "cosine", n_steps=1_000, warm_up_steps=100), []
    >>> for step in range(1_000):
    ...     seen.append(round(adam.param_groups[0]["lr"], 2)) if step in (0, 99, 550) else None
    ...     schedule.step()
    >>> seen, round(adam.param_groups[0]["lr"], 2)
    ([0.02, 2.0, 1.05], 0.1)
    """

    def __init__(self, optimisers: Iterable[torch.optim.Optimizer], kind: str, n_steps: int, warm_up_steps: int = 100,
                 n_cycles: int = 1):  # fmt: skip
        self.optimisers, self.kind, self.n_steps, self.n_cycles = list(optimisers), kind, max(n_steps, 1), n_cycles
        self.warm_up_steps = min(warm_up_steps, n_steps // 10)
        self.peaks = [adam.param_groups[0]["lr"] for adam in self.optimisers]
        self.position, self.factor = 0, 1.0
        self._set()

    def step(self) -> None:
        """On by one optimiser step."""
        self.position += 1
        self._set()

    def halve(self) -> None:
        """From here on all rates are half of what they were."""
        self.factor /= 2
        self._set()

    def share(self, position: int) -> float:
        """What the rates are of their peaks at a step; the first is 0."""
        if position < self.warm_up_steps:
            return (position + 1) / self.warm_up_steps
        if self.kind == "constant":
            return 1.0
        way = min(1.0, (position - self.warm_up_steps) / max(1, self.n_steps - self.warm_up_steps))
        cycle = way * self.n_cycles if self.kind == "restarts" else way
        way = cycle % 1.0 if way < 1.0 else 1.0
        return LAST_LR + (1 - LAST_LR) * 0.5 * (1 + math.cos(math.pi * way))

    def state_dict(self) -> dict:
        """The position, and what rates were lowered by. (What the schedule spans follows from the parameters.)"""
        return {"position": self.position, "factor": self.factor}

    def load_state_dict(self, saved: Mapping) -> None:
        """Go on at a position."""
        self.position, self.factor = saved["position"], saved["factor"]
        self._set()

    def _set(self) -> None:
        for adam, peak in zip(self.optimisers, self.peaks, strict=True):
            for group in adam.param_groups:
                group["lr"] = self.factor * peak * self.share(self.position)


def choose_device(name: str) -> str:
    """`auto`: CUDA when there is one. Raises `ValueError` if CUDA is asked for and missing."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device = 'cuda', but torch finds no CUDA device here: use device = 'auto' or 'cpu'")
    if name == "cpu" or not torch.cuda.is_available():
        return "cpu"
    if not dist.is_initialized():
        return "cuda"
    n_here, n_devices = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if n_here > n_devices:
        raise ValueError(
            f"device = {name!r} in {n_here} processes: expected at most {n_devices}, one for each CUDA device"
        )
    return f"cuda:{os.environ['LOCAL_RANK']}"


def build(p) -> nn.Module:
    """The generator that the parameters (params.Train, or a checkpoint's) describe."""
    return make(p.architecture, p.channels, p.hidden, p.condition_on_noisy)


@torch.no_grad()
def average(averaged: nn.Module, network: nn.Module, decay: float, position: int) -> None:
    """One step of an exponential moving average of the weights, over at most a tenth of the steps so far.

    >>> ours, theirs = (nn.Linear(1, 1, bias=False).requires_grad_(False) for _ in range(2))
    >>> _ = ours.weight.fill_(0.0), theirs.weight.fill_(1.0), average(ours, theirs, 0.999, position=0)
    >>> round(ours.weight.item(), 3)
    0.9
    """
    decay = min(decay, (1 + position) / (10 + position))
    get_ema_multi_avg_fn(decay)(list(averaged.parameters()), list(network.parameters()), None)


def _gradients(part: nn.Module) -> list[Tensor]:
    return [weight.grad for weight in part.parameters() if weight.grad is not None]
