"""Other commits of this repository, built, to compare with."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build" / "revisions"


def built_revision(revision: str) -> Path:
    """A worktree of the commit with the CPU core built in place; made at the first call, kept under build/revisions.

    Raises subprocess.CalledProcessError where git does not know the revision, or it does not build.
    """
    commit = _git("rev-parse", "--short=12", f"{revision}^{{commit}}")
    tree = FOLDER / commit
    if not tree.exists():
        _git("worktree", "prune")
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
    # An extension is built again where its sources are newer.
    build = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    subprocess.run(build, cwd=tree, env={**os.environ, "GENDR_CUDA": "0"}, check=True)
    return tree


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
