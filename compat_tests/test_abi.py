"""The C ABI changes only with its version. That the ctypes structs are those of the header: test_ops.py."""

import abi
import pytest

HEADER, SNAPSHOT = abi.HEADER.read_text(), abi.SNAPSHOT.read_text()


def test_abi_is_what_is_written_down() -> None:
    assert abi.fault(HEADER, SNAPSHOT) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    int32_t t_conorm; ", "    int64_t t_conorm; "),
        ("    double near; ", "    double far; "),
        ("GENDR_BARYCENTRIC = 1", "GENDR_BARYCENTRIC = 2"),
        ("GENDR_API int gendr_render_forward(", "GENDR_API int gendr_render_forward(int extra, "),
    ],
)
def test_abi_changes_ask_for_a_version(old: str, new: str) -> None:
    assert HEADER.count(old) == 1
    changed = HEADER.replace(old, new)
    assert "raise GENDR_ABI_VERSION" in (abi.fault(changed, SNAPSHOT) or "")
    version = abi.described(HEADER)[0].split()[1]
    raised = changed.replace(f"GENDR_ABI_VERSION {version}", f"GENDR_ABI_VERSION {int(version) + 1}")
    assert "run `python -m compat_tests.abi`" in (abi.fault(raised, SNAPSHOT) or "")


def test_abi_is_not_its_comments() -> None:
    assert abi.described(HEADER + "/* int32_t more; */\n// double less;\n") == abi.described(HEADER)
