"""The demo: spot turning, a blur sweep, and a sphere that learns to be an airplane.

Run ``python -m gendr_adapters.demo``. Needs the ``demo`` extra (trimesh, imageio, pillow, matplotlib, tqdm).
"""
