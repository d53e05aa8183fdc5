"""PyTorch3D for the tests: keeps a working build; else installs its Python layer, with a stub for the compiled module.

    .venv/bin/python compat_tests/pytorch3d/install.py

No wheel of PyTorch3D runs on Linux with a current Python, but the Python files in the one for macOS do. They go into
the environment of the Python that runs this, as the distribution `pytorch3d 0.7.4+python.only`, which pip can remove.
"""

import argparse
import base64
import hashlib
import re
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

VERSION = "0.7.4"
OURS = f"{VERSION}+python.only"
STUB = Path(__file__).with_name("compiled_stub.py")
MACOS_WHEEL = ["--platform", "macosx_10_9_x86_64", "--python-version", "3.10", "--only-binary", ":all:"]
WHEEL_TAGS = "Wheel-Version: 1.0\nGenerator: gendr_adapters\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=raw).parse_args()
    if is_up_to_date():
        return
    if has_compiled_module():
        print("PyTorch3D: keeping the build that is installed, with its compiled module")
        return
    print(f"PyTorch3D: installing the Python layer of {VERSION}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        pip("download", "--no-deps", "--retries", "2", "--dest", folder, *MACOS_WHEEL, f"pytorch3d=={VERSION}")
        (downloaded,) = Path(folder).glob("*.whl")
        pip("install", "--no-deps", "--force-reinstall", str(python_layer(downloaded)))
    check = run("-W", "ignore", "-c", "import pytorch3d.renderer, pytorch3d.loss, pytorch3d.io")
    if check.returncode != 0:
        sys.exit(f"PyTorch3D: installed, but {last_line(check.stderr)}\nrequirements/test.txt has what it needs.")


def is_up_to_date() -> bool:
    """Is the layer there, as this file would install it, with what it needs? Imports nothing, to be quick."""
    try:
        installed = distribution("pytorch3d")
    except PackageNotFoundError:
        return False
    stub = Path(str(installed.locate_file("pytorch3d/_C.py")))
    is_current = installed.version == OURS and stub.is_file() and stub.read_bytes() == STUB.read_bytes()
    return is_current and find_spec("iopath") is not None


def has_compiled_module() -> bool:
    return run("-c", "import torch; from pytorch3d import _C; assert not hasattr(_C, 'IS_STUB')").returncode == 0


def python_layer(wheel: Path) -> Path:
    """A wheel for any machine beside `wheel`: its Python and data files, our stub, the licences; nothing compiled."""
    new_info = f"pytorch3d-{OURS}.dist-info"
    files = {"pytorch3d/_C.py": STUB.read_bytes(), f"{new_info}/WHEEL": WHEEL_TAGS.encode()}
    with ZipFile(wheel) as archive:
        for name in archive.namelist():
            top, _, rest = name.partition("/")
            if top == "pytorch3d" and name.endswith((".py", ".json")):
                files[name] = archive.read(name)
            elif rest.startswith("LICENSE"):
                files[f"{new_info}/{rest}"] = archive.read(name)
            elif rest == "METADATA":
                text = archive.read(name).decode()
                files[f"{new_info}/METADATA"] = re.sub("(?m)^Version: .*$", f"Version: {OURS}", text).encode()
    record = [f"{name},sha256={digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{new_info}/RECORD"] = "\n".join([*record, f"{new_info}/RECORD,,", ""]).encode()
    path = wheel.with_name(f"pytorch3d-{OURS}-py3-none-any.whl")
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def pip(*arguments: str) -> None:
    result = run("-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)
    if result.returncode != 0:
        sys.exit(
            f"PyTorch3D: pip {arguments[0]} failed: {last_line(result.stderr)}\n"
            "Its Python layer comes from the package index that pip is configured for; is that within reach? Without\n"
            "it the tests in compat_tests/pytorch3d are skipped (GENDR_REQUIRE_PYTORCH3D=1: they fail)."
        )


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def last_line(text: str) -> str:
    """What went wrong, of what pip or a traceback wrote."""
    lines = text.strip().splitlines() or ["no reason given"]
    return next((line for line in lines if line.startswith("ERROR")), lines[-1])


if __name__ == "__main__":
    main()
