"""Networks: generators, discriminators, their export and the weights that come along.

May import: runtime, config, audio, deepfilter.
"""
