"""How true and how fast each stage is, beside its reference.

May import: all packages above.
"""
