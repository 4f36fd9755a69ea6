"""Audio files and signals: reading, writing, levels, spectra, bandwidth, lags.

May import: runtime.
"""
