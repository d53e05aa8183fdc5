"""What setup.py and the tests share about building the CUDA library. Not part of the installed package."""
