"""Weights as bytes and files: one codec (safetensors), fingerprints, atomic model files.

Works with names, arrays and JSON only; `lnn.spec` and `runtime` give them meaning.
"""
