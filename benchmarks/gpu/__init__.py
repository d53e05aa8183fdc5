"""Timings of the CUDA core, and of other renderers where they are installed: `python -m benchmarks.gpu --help`."""
