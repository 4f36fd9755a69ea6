"""What each notebook accepts: one parameter model a notebook, checked before any work.

May import: runtime.
"""
