"""What the restorer did to the voice: scores, charts, baselines, safety, listening.

May import: runtime, tracking, audio, deepfilter, metrics, figures, corpus, inference.
"""
