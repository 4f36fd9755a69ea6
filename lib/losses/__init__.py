"""Losses: named terms that compare restored with clean, and those of the GAN.

May import: deepfilter, metrics, models.
"""
