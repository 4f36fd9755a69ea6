"""Training: batches, one step, epochs, checkpoints, validation, release of weights.

May import: runtime to data.
"""
