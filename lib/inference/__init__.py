"""A trained run on recordings: files, folders, streams, ONNX.

May import: all packages above.
"""
