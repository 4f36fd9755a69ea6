"""The live page: the exported chain in a browser, on a file or the microphone.

May import: inference.
"""
