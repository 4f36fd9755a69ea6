"""How work runs on this machine: progress, processes, threads, caches.

May import: nothing.
"""
