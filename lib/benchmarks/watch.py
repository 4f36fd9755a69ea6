"""Processors, memory and disk of the machine while something runs."""

import os
import threading
import time
from collections.abc import Callable
from typing import Self

import numpy as np
import psutil

PERIOD = 0.5  # seconds between two looks at the memory


class Watch(threading.Thread):
    """Watches the machine from its making to `stop`, or to the end of a `with` block.

    Args:
        max_memory_share: of the machine's memory; `full` becomes true when it is passed.
    """

    def __init__(self, max_memory_share: float) -> None:
        super().__init__(daemon=True)
        self.max_memory_share = max_memory_share
        self.full = False
        self.peak_bytes = 0
        self.ended = threading.Event()
        self.began = time.perf_counter()
        self.cpu_s = family_cpu_seconds()
        self.iowait_s = psutil.cpu_times().iowait
        self.disk = psutil.disk_io_counters()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # Also after an error in the block: a thread that nobody stops would go on for ever.
        self.ended.set()
        self.join()

    def run(self) -> None:
        """Look at the memory every half second."""
        while True:
            self.peak_bytes = max(self.peak_bytes, family_memory())
            # The whole machine's memory: others must not suffer, either.
            self.full |= psutil.virtual_memory().percent / 100 > self.max_memory_share
            # Not `sleep`: it returns as soon as `stop` is called.
            if self.ended.wait(PERIOD):
                return

    def stop(self) -> dict[str, float]:
        """What was seen.

        Returns: of this process and its workers cpu_share (of all cores) and peak_mb; of the
            machine iowait_share (time that processors wait for a disk), disk_busy_share and
            disk_mb_per_s (read). The last two are NaN where the machine does not count them.
        """
        seconds = time.perf_counter() - self.began
        cpu_s = family_cpu_seconds() - self.cpu_s
        iowait_s = psutil.cpu_times().iowait - self.iowait_s
        disk = psutil.disk_io_counters()
        self.ended.set()
        self.join()
        busy_s = (disk.busy_time - self.disk.busy_time) / 1000 if disk else np.nan
        read_mb = (disk.read_bytes - self.disk.read_bytes) / 2**20 if disk else np.nan
        return {
            "cpu_share": cpu_s / seconds / os.cpu_count(),
            "peak_mb": self.peak_bytes / 2**20,
            "iowait_share": iowait_s / seconds / os.cpu_count(),
            # Disk times are added up: several disks may be busy for longer than the clock runs.
            "disk_busy_share": min(busy_s / seconds, 1.0),
            "disk_mb_per_s": read_mb / seconds,
        }


def family_memory() -> float:
    """Bytes of this process and all below it; pages that they share count once."""
    return _sum_over_family(lambda process: process.memory_full_info().pss)


def family_cpu_seconds() -> float:
    """Processor time of this process and all below it, user and system."""
    return _sum_over_family(lambda process: sum(process.cpu_times()[:2]))


def _sum_over_family(value_of: Callable[[psutil.Process], float]) -> float:
    process = psutil.Process()
    total = 0.0
    for member in [process, *process.children(recursive=True)]:
        try:
            total += value_of(member)
        except psutil.Error:  # the process has just ended
            continue
    return total
