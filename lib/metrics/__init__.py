"""Scores of an estimate against its clean reference, and their statistics.

May import: runtime, audio, deepfilter.
"""
