"""Audio files and signals: reading, writing, levels, spectrograms, bandwidth, lags.

May import: runtime.
"""
