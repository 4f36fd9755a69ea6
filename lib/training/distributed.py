"""The processes of a training: number, rank, process group, means over them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


def ranks() -> tuple[int, int]:
    """The number of this process, from 0, and how many there are.

    >>> ranks()
    (0, 1)
    """
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


@contextmanager
def distributed() -> Iterator[None]:
    """Join the process group that torchrun or TorchElastic describes in environment variables.

    Without these variables nothing happens.
    """
    if "RANK" not in os.environ:
        yield
        return
    # The processes share the cores: with all threads each they would slow each other down.
    n_processes = int(os.environ["LOCAL_WORLD_SIZE"])
    torch.set_num_threads(max(1, os.cpu_count() // n_processes))
    # NCCL wants a device for each process; with fewer of them training runs on the CPU.
    if torch.cuda.device_count() >= n_processes:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # NCCL carries the gradients; metadata and records are objects in memory, for gloo.
        dist.init_process_group("cpu:gloo,cuda:nccl")
    else:
        dist.init_process_group("gloo")
    yield
    # Not after an error: the others would report their broken connections instead of it.
    dist.destroy_process_group()


def mean_over_processes(*groups: dict[str, Tensor]) -> list[dict[str, float]]:
    """Named scalars as floats, each the mean over the processes.

    The device is waited for only once, since each wait would leave it idle.

    >>> mean_over_processes({"l1": torch.tensor(0.5)}, {"generator": torch.tensor(2.0)})
    [{'l1': 0.5}, {'generator': 2.0}]
    """
    values = torch.stack([value.float() for group in groups for value in group.values()])
    if dist.is_initialized():
        dist.all_reduce(values)
        values /= dist.get_world_size()
    remaining = iter(values.tolist())
    return [{name: next(remaining) for name in group} for group in groups]
