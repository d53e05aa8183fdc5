"""Small tools for programs that render: meshes, cameras, shading, losses, pictures, progress.

Import the modules themselves, ``from gendr_adapters.utils.meshes import load_obj``. `pictures` and `progress` need
imageio, `plots` needs matplotlib, and `meshes.load_texture` needs Pillow; the ``demo`` extra installs them all.
"""
