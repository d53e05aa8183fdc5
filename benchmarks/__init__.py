"""Timings of the CPU core: `make bench`, or `python -m benchmarks --help`."""
