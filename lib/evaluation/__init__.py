"""What the restorer did to the voice: scores, charts, baselines, safety, listening.

May import: all packages above.
"""
