"""How true and how fast each stage is, beside its reference.

May import: runtime, config, audio, deepfilter, corpus, models, losses, data, training, inference.
"""
