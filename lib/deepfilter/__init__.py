"""The first stage, DeepFilterNet3: noisy -> enhanced, in batches and as a stream.

May import: runtime.
"""
