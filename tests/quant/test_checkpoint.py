import os

import pytest
from firstfault.quant.checkpoint import replacing_folder


@pytest.mark.parametrize(("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
def test_what_is_written_is_readable_for_whom_the_mask_allows(mask, file, folder, tmp_path):
    before = os.umask(mask)
    try:
        with replacing_folder(tmp_path / "out") as made:
            (made / "weights").write_text("w")
            (made / "weights").chmod(0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "out" / "weights").stat().st_mode & 0o777 == file
    assert (tmp_path / "out").stat().st_mode & 0o777 == folder


def test_a_failure_leaves_what_was_there(tmp_path):
    def write(name, error=None):
        with replacing_folder(tmp_path / "out") as made:
            (made / name).write_text("")
            if error:
                raise error

    write("old")
    with pytest.raises(ValueError, match="broken"):
        write("new", ValueError("broken"))
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]
