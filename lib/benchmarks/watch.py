"""What the machine does meanwhile: processors, memory, disk."""

import os
import threading
import time

import numpy as np
import psutil

PERIOD = 0.5  # s between two looks at the machine


class Watch(threading.Thread):
    """What the machine does until `stop`; `full` is set when its memory passes `max_memory_share`."""

    def __init__(self, max_memory_share: float):
        super().__init__(daemon=True)
        self.max_memory_share, self.full, self.ended, self.peak_bytes = (
            max_memory_share,
            False,
            threading.Event(),
            0,
        )
        self.began, self.cpu_s = time.perf_counter(), cpu_seconds()
        self.disk, self.iowait_s = psutil.disk_io_counters(), psutil.cpu_times().iowait
        self.start()

    def run(self) -> None:
        """Look at the memory now and then."""
        while True:
            self.peak_bytes = max(
                self.peak_bytes,
                sum(read_process(process, shared_memory) for process in process_family()),
            )
            self.full |= psutil.virtual_memory().percent / 100 > self.max_memory_share
            if self.ended.wait(PERIOD):
                return

    def stop(self) -> dict:
        """Of this process and its workers: cpu_share (of all cores), peak_mb. Of the machine: iowait_share, disk_busy_share,
        disk_mb_per_s (read); NaN where it does not tell."""
        seconds, cpu_s = time.perf_counter() - self.began, cpu_seconds() - self.cpu_s
        disk, iowait_s = psutil.disk_io_counters(), psutil.cpu_times().iowait - self.iowait_s
        self.ended.set()
        self.join()
        busy_s = (disk.busy_time - self.disk.busy_time) / 1000 if disk else np.nan
        read_mb = (disk.read_bytes - self.disk.read_bytes) / 2**20 if disk else np.nan
        return {
            "cpu_share": cpu_s / seconds / os.cpu_count(), "peak_mb": self.peak_bytes / 2**20,
            "iowait_share": iowait_s / seconds / os.cpu_count(), "disk_busy_share": min(busy_s / seconds, 1.0),
            "disk_mb_per_s": read_mb / seconds,
        }  # fmt: skip


def process_family() -> list[psutil.Process]:
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def read_process(process: psutil.Process, what) -> float:
    try:
        return what(process)
    except psutil.Error:  # it has just ended
        return 0.0


def shared_memory(process: psutil.Process) -> float:
    return process.memory_full_info().pss


def cpu_seconds() -> float:
    return sum(
        read_process(process, lambda one: sum(one.cpu_times()[:2])) for process in process_family()
    )
