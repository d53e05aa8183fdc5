"""The demo: spot turning, a blur sweep, and a sphere that learns to be an airplane.

Run ``python -m gendr_adapters.demo``. Needs the ``demo`` extra (imageio, matplotlib, Pillow, tqdm).
"""

from .._extras import optional

for _module in ("imageio", "matplotlib", "PIL", "tqdm"):
    optional(_module, __name__, "demo")
