"""SoftRas' Lighting: it knows beforehand which textures a mesh has, and lights the mesh it is given."""

from .._soft_renderer.arguments import Numbers, Scalar
from .._soft_renderer.lighting import WHITE, Lamps
from .._soft_renderer.look_at import UPWARDS
from .._soft_renderer.meshes import Mesh
from .._soft_renderer.obj_loading import TEXTURE_TYPES


class Lighting(Lamps):
    """Multiplies the textures of a mesh, in place, by the light on its faces or vertices.

    Args:
        light_mode: 'surface', 'vertex' or 'uv': the texture_type of the meshes that are lit.
        intensity_ambient, color_ambient: of the ambient light; see `functional.ambient_lighting`.
        intensity_directionals, color_directionals, directions: of the first directional light; see
            `functional.directional_lighting`. More `DirectionalLighting` modules may be appended to the list
            `directionals`.

    Raises:
        ValueError: another light_mode; in the call, a mesh of another texture_type.

    Example:
        >>> from gendr_adapters import data, softras
        >>> mesh = softras.Mesh.from_obj(data.path("airplane.obj"))  # white
        >>> lit = softras.Lighting(intensity_ambient=0.5, intensity_directionals=0.0)(mesh)
        >>> lit is mesh, mesh.textures.unique().tolist()
        (True, [0.5])
    """

    def __init__(
        self,
        light_mode: str = "surface",
        intensity_ambient: Scalar = 0.5,
        color_ambient: Numbers = WHITE,
        intensity_directionals: Scalar = 0.5,
        color_directionals: Numbers = WHITE,
        directions: Numbers = UPWARDS,
    ) -> None:
        super().__init__(intensity_ambient, color_ambient, intensity_directionals, color_directionals, directions)
        if light_mode not in TEXTURE_TYPES:
            raise ValueError(f"light_mode must be 'surface', 'vertex' or 'uv', got {light_mode!r}")
        self.light_mode = light_mode

    def forward(self, mesh: Mesh) -> Mesh:
        """The same mesh with its textures multiplied by the light; each call multiplies again (`Mesh.reset_` undoes
        it)."""
        if mesh.texture_type != self.light_mode:
            raise ValueError(
                f"the light is for {self.light_mode!r} textures, the mesh has {mesh.texture_type!r}; set light_mode"
            )
        mesh._set_textures(self.lit_textures(mesh))
        return mesh
