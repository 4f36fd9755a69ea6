"""Sources that the tests of `lib.benchmarks` share."""

from pathlib import Path

from signals import good_sources

from lib.corpus.sources import Sources


def sources_below(root: Path, n_files: int = 2) -> Sources:
    """Folders of twice `n_files` speech files of 1.2 s or more, and of four noises."""
    good_sources(root, n_files)
    return Sources(root / "speech", root / "noise", root / "rooms")
