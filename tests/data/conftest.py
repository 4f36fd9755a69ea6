"""Pairs and files, written once for all files of this folder."""

import pytest
from data.pairs import ramp_corpus, speech_and_noise


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Folder and rows of five pairs, see `ramp_corpus`."""
    return ramp_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Five utterances and three noises."""
    return speech_and_noise(tmp_path_factory.mktemp("files"))
