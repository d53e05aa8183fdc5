"""Stands where PyTorch3D has its compiled module, pytorch3d._C: imports, and says what is missing when it is called.

Names have to be there already when PyTorch3D is imported: some of its functions have them as default arguments.
"""

IS_STUB = True


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*args, **kwargs):
        raise NotImplementedError(
            f"pytorch3d._C.{name} is compiled code, and only PyTorch3D's Python layer is installed here "
            "(compat_tests/pytorch3d/install.py). A build of PyTorch3D itself has it."
        )

    missing.__name__ = name
    return missing
