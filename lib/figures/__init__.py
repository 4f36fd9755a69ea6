"""Pictures, tables and players, for notebooks, pages and talks.

May import: runtime, audio, metrics.
"""
