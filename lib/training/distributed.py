"""The processes of a training: number, rank, process group."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist


def ranks() -> tuple[int, int]:
    """The number of this process, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


@contextmanager
def distributed() -> Iterator[None]:
    """The process group that the variables of torchrun or TorchElastic describe; without them nothing."""
    if "RANK" not in os.environ:
        yield
        return
    n_here = int(os.environ["LOCAL_WORLD_SIZE"])
    torch.set_num_threads(max(1, os.cpu_count() // n_here))
    if torch.cuda.device_count() >= n_here:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("cpu:gloo,cuda:nccl")
    else:
        dist.init_process_group("gloo")
    yield
    dist.destroy_process_group()  # not after an error: the others' broken connections would be told instead of it
