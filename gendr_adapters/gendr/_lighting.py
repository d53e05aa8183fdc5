"""GenDR's Lighting: it asks the mesh which textures it has, and leaves it as it is."""

from .._soft_renderer.arguments import Numbers, Scalar
from .._soft_renderer.lighting import WHITE, Lamps
from .._soft_renderer.look_at import UPWARDS
from .._soft_renderer.meshes import Mesh


class Lighting(Lamps):
    """Multiplies the textures of a mesh by the light on its faces or vertices, and returns a new mesh.

    Args:
        intensity_ambient, color_ambient: of the ambient light; see `functional.ambient_lighting`.
        intensity_directionals, color_directionals, directions: of the first directional light; see
            `functional.directional_lighting`. More `DirectionalLighting` modules may be appended to the list
            `directionals`.

    Example:
        >>> from gendr_adapters import data, gendr
        >>> mesh = gendr.Mesh.from_obj(data.path("airplane.obj"))  # white
        >>> lit = gendr.Lighting(intensity_ambient=0.5, intensity_directionals=0.0)(mesh)
        >>> lit.textures.unique().tolist(), mesh.textures.unique().tolist()
        ([0.5], [1.0])
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
        """A new mesh whose textures are multiplied by the light."""
        return Mesh(mesh.vertices, mesh.faces, self.lit_textures(mesh), mesh.texture_res, mesh.texture_type)
