"""GenDR's Lighting: it asks the mesh which textures it has, and leaves it as it is."""

from .._soft_renderer.arguments import Numbers, Scalar
from .._soft_renderer.lighting import WHITE, Lamps
from .._soft_renderer.look_at import UPWARDS
from .._soft_renderer.meshes import Mesh


class Lighting(Lamps):
    """Multiplies textures with the light on the faces or vertices.

    Args:
        intensity_ambient, color_ambient: of the constant light; see `functional.ambient_lighting`.
        intensity_directionals, color_directionals, directions: of the first lamp; see
            `functional.directional_lighting`. More may be appended to `directionals`.
    """

    def __init__(
        self,
        intensity_ambient: Scalar = 0.5,
        color_ambient: Numbers = WHITE,
        intensity_directionals: Scalar = 0.5,
        color_directionals: Numbers = WHITE,
        directions: Numbers = UPWARDS,
    ) -> None:
        super().__init__(intensity_ambient, color_ambient, intensity_directionals, color_directionals, directions)

    def forward(self, mesh: Mesh) -> Mesh:
        """A new mesh with lit textures."""
        return Mesh(mesh.vertices, mesh.faces, self.lit_textures(mesh), mesh.texture_res, mesh.texture_type)
