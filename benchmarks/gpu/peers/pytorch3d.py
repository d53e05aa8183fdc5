"""PyTorch3D: rasterize_meshes with 50 faces a pixel, then its own alpha blend, or interpolation and softmax blend."""

from pytorch3d.ops import interpolate_face_attributes
from pytorch3d.renderer.blending import BlendParams, sigmoid_alpha_blend, softmax_rgb_blend
from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
from pytorch3d.renderer.mesh.rasterizer import Fragments
from pytorch3d.structures import Meshes
from torch import Tensor

from benchmarks.gpu.scenes import View
from benchmarks.gpu.timing import Work

FACES_PER_PIXEL = 50


def work(view: View) -> Work:
    case = view.case
    vertices = (view.vertices * view.vertices.new_tensor([-1.0, 1.0, 1.0])).requires_grad_()  # its x points left
    batch = len(vertices)
    template = Meshes(verts=vertices.detach(), faces=view.faces.expand(batch, -1, -1))
    template.verts_packed()  # so that update_padded finds the packed topology made
    colours = view.corner_colours.flatten(0, 1)
    blend = BlendParams(sigma=case.tau, gamma=1e-4, background_color=(0.0, 0.0, 0.0))

    def forward() -> tuple[Tensor, ...]:
        meshes = template.update_padded(vertices)
        fragments = Fragments(
            *rasterize_meshes(
                meshes,
                image_size=case.image_size,
                blur_radius=case.reach**2,
                faces_per_pixel=FACES_PER_PIXEL,
                perspective_correct=case.output == "colour",
                clip_barycentric_coords=case.output == "colour",
            )
        )
        if case.output == "alpha":
            some_colour = fragments.bary_coords.detach()  # its shader makes a tensor of ones, of the same size
            return (sigmoid_alpha_blend(some_colour, fragments, blend)[..., 3],)
        shown = interpolate_face_attributes(fragments.pix_to_face, fragments.bary_coords, colours)
        return (softmax_rgb_blend(shown, fragments, blend, znear=1.0, zfar=100.0),)

    return Work(forward, vertices)
