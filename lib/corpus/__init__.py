"""Pairs on disk: sources -> plan -> files -> verified, with a manifest.

May import: runtime, config, audio, deepfilter, metrics.
"""
