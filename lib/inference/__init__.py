"""A trained run on recordings: files, folders, streams, ONNX.

May import: runtime, tracking, audio, deepfilter, corpus, models, training.
"""
