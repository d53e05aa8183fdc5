"""Small tools for programs that render: cameras, shading, losses, pictures, progress.

Import the modules themselves, ``from gendr_adapters.utils.losses import iou``. `pictures` and `progress` need
imageio, and `plots` needs matplotlib. The ``demo`` extra installs both.
"""
