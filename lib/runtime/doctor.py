"""What this machine has and lacks, a line each, before anything is installed: `make doctor`.

It needs nothing but Python itself.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lib import REPO, RUNS

PYTHON = (3, 11)
INSTALL_GB = 12.0  # packages take 7 GB, and pip unpacks them beside each other
RUNS_GB = 2.0  # of pairs, scores and executed notebooks that `make run` writes
MEMORY_GB = 6.0  # `make run` peaks below that
# What processors have that make training faster, by the names of /proc/cpuinfo.
INSTRUCTIONS = {
    "AVX2": "avx2",
    "AVX-512": "avx512f",
    "AVX512-BF16": "avx512_bf16",
    "AMX-BF16": "amx_bf16",
}
OK, NOTE, MISSING = "ok", "note", "missing"


class Finding(NamedTuple):
    """One line: what was looked for, how it is, what was found, and what to do."""

    subject: str
    state: str  # ok; note: less than there might be; missing: the commands fail without it
    found: str
    advice: str = ""


def main() -> None:
    """Print all findings; status 1 if something is missing."""
    findings = list(examine())
    print(as_text(findings))
    sys.exit(any(finding.state == MISSING for finding in findings))


def as_text(findings: list[Finding]) -> str:
    """The findings as lines, the advice behind them.

    >>> print(as_text([Finding("compiler", MISSING, "no cc", "apt install build-essential")]))
    missing  compiler      no cc: apt install build-essential
    """
    return "\n".join(
        f"{state:8} {subject:13} {found}" + (f": {advice}" if advice else "")
        for subject, state, found, advice in findings
    )


def examine() -> Iterator[Finding]:
    """The findings, in the order in which an installation needs them."""
    is_installed = (REPO / ".venv" / "installed").exists()
    yield _python()
    yield _tool("compiler", ("cc", "gcc"), MISSING, "apt install build-essential (pesq is built)")
    yield _tool("make", ("make",), MISSING, "apt install make")
    yield _tool("git", ("git",), MISSING, "apt install git")
    yield _disk("disk", REPO, 0.5 if is_installed else INSTALL_GB)
    yield _disk("runs", RUNS, RUNS_GB)
    yield _memory()
    yield _processor()
    yield _cuda()
    advice = "apt install chromium chromium-driver; without it the tests of pages are skipped"
    yield _tool("Chromium", ("chromium",), NOTE, advice)
    yield _tool("npm", ("npm",), NOTE, "apt install npm; make live alone needs it")
    yield _proxy()


def _python() -> Finding:
    found = f"{platform.python_version()}, {sys.executable}"
    if sys.version_info[:2] == PYTHON:
        return Finding("Python", OK, found)
    return Finding("Python", MISSING, found, "install Python 3.11, then make PYTHON=/path/to/it")


def _tool(subject: str, commands: tuple[str, ...], otherwise: str, advice: str) -> Finding:
    for command in commands:
        if path := shutil.which(command):
            return Finding(subject, OK, path)
    return Finding(subject, otherwise, f"no {' or '.join(commands)}", advice)


def _disk(subject: str, folder: Path, needed_gb: float) -> Finding:
    # The folder itself may not exist yet.
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Finding(subject, MISSING, f"{folder} cannot be written to", "set RETIMBRE_RUNS")
    free_gb = shutil.disk_usage(there).free / 1e9
    found = f"{free_gb:.1f} GB free for {folder}"
    if free_gb >= needed_gb:
        return Finding(subject, OK, found)
    advice = f"{needed_gb:g} GB are needed"
    return Finding(subject, MISSING, found, advice)


def _memory() -> Finding:
    gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    state = OK if gb >= MEMORY_GB else NOTE
    return Finding("memory", state, f"{gb:.1f} GB", "" if state == OK else "close other programs")


def _processor() -> Finding:
    n_cores = len(os.sched_getaffinity(0))
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    names = [name for name, flag in INSTRUCTIONS.items() if flag in flags]
    found = f"{n_cores} cores, {', '.join(names) or 'none of ' + ', '.join(INSTRUCTIONS)}"
    if "AVX2" in names and n_cores > 1:
        return Finding("processor", OK, found)
    return Finding("processor", NOTE, found, "it works, and takes longer than the README says")


def _cuda() -> Finding:
    if not (command := shutil.which("nvidia-smi")):
        return Finding("CUDA", NOTE, "no nvidia-smi", "trainings run on the processor")
    query = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    answer = subprocess.run([command, *query], capture_output=True, text=True, timeout=30)
    if answer.returncode:
        reason = (answer.stderr or answer.stdout).strip().partition("\n")[0]
        return Finding("CUDA", NOTE, f"nvidia-smi fails ({reason})", "install a driver for the GPU")
    return Finding("CUDA", OK, answer.stdout.strip().replace("\n", "; "))


def _proxy() -> Finding:
    names = ("HTTPS_PROXY", "https_proxy", "PIP_INDEX_URL", "PIP_NO_INDEX")
    # Names alone: values may hold passwords.
    given = [name for name in names if os.environ.get(name)]
    found = f"set: {', '.join(given)}" if given else "no proxy and no index of packages is set"
    return Finding("network", OK, found)


if __name__ == "__main__":
    main()
