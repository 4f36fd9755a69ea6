"""Batches with light metadata, out of prepared pairs or mixed while training.

May import: audio, corpus.
"""
