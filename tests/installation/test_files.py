import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.errors import InstallationError, RootKeyError
from gateway.installation.files import (
    create_key,
    find_key,
    get_database_path,
    get_key_path,
    prepare_data_dir,
    read_passphrase_file,
)
from gateway.secret import Secret
from gateway.settings import Settings

posix_only = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write_key(path: Path, content: bytes = b"k" * 32, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_paths_follow_the_settings(tmp_path: Path) -> None:
    plain = Settings(data=tmp_path)
    assert get_database_path(plain) == tmp_path / "lockgate.db"
    assert get_key_path(plain) == tmp_path / "root.key"
    given = Settings(
        data=tmp_path, database_url="sqlite:////srv/x.db", key_file=tmp_path / "other.key"
    )
    assert get_database_path(given) == Path("/srv/x.db")
    assert get_key_path(given) == tmp_path / "other.key"


# --- the data directory -------------------------------------------------------------------


@posix_only
def test_the_data_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    prepare_data_dir(path)
    assert mode_of(path) == 0o700


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("")
    for wrong in (path, path / "below"):
        with pytest.raises(InstallationError) as caught:
            prepare_data_dir(wrong)
        assert str(wrong) in caught.value.detail
        assert "--data" in caught.value.detail
        assert "\n" not in caught.value.detail


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a place nobody may write")
def test_a_place_where_nothing_can_be_made_is_refused() -> None:
    with pytest.raises(InstallationError) as caught:
        prepare_data_dir(Path("/proc/lockgate-data"))
    assert "cannot be made" in caught.value.detail


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere"
)
def test_an_unwritable_directory_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InstallationError) as caught:
        prepare_data_dir(tmp_path)
    assert "not writable" in caught.value.detail


# --- the key file -------------------------------------------------------------------------


def test_a_made_key_file_is_found_again(tmp_path: Path) -> None:
    made = create_key(tmp_path / "root.key")
    assert find_key(tmp_path / "root.key") == made
    assert len(made) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["root.key"]


@posix_only
def test_a_made_key_file_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key(tmp_path / "root.key")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "root.key") == 0o600


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    first = create_key(tmp_path / "root.key")
    assert create_key(tmp_path / "root.key") == first
    assert [path.name for path in tmp_path.iterdir()] == ["root.key"]


def test_of_many_at_once_all_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(create_key, [tmp_path / "root.key"] * 16))
    assert all(key == keys[0] for key in keys)


def test_no_key_file_is_none(tmp_path: Path) -> None:
    assert find_key(tmp_path / "root.key") is None


def test_a_key_file_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "root.key"
    with pytest.raises(InstallationError) as caught:
        create_key(path)
    assert str(path) in caught.value.detail
    assert "LOCKGATE_KEY_FILE" in caught.value.detail


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_key_file_of_a_wrong_length_is_damaged(tmp_path: Path, length: int) -> None:
    path = write_key(tmp_path / "root.key", b"k" * length)
    with pytest.raises(RootKeyError) as caught:
        find_key(path)
    assert "damaged" in caught.value.detail
    assert "backup" in caught.value.detail


@posix_only
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o660, 0o601])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = write_key(tmp_path / "root.key", mode=mode)
    with pytest.raises(RootKeyError) as caught:
        find_key(path)
    assert f"chmod 600 {path}" in caught.value.detail


@posix_only
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_its_owner_alone_is_taken(tmp_path: Path, mode: int) -> None:
    assert find_key(write_key(tmp_path / "root.key", mode=mode)) == Secret(b"k" * 32)


@posix_only
def test_the_mode_that_counts_is_that_of_the_target_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write_key(tmp_path / "root.key", mode=0o644))
    with pytest.raises(RootKeyError):
        find_key(tmp_path / "link")


def test_a_directory_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(RootKeyError):
        find_key(tmp_path)


@posix_only
def test_a_pipe_is_no_key_file_and_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "root.key", 0o600)
    with pytest.raises(RootKeyError) as caught:
        find_key(tmp_path / "root.key")
    assert "plain file" in caught.value.detail


# --- the passphrase file ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "passphrase"),
    [
        (b"seven lanterns\n", b"seven lanterns"),
        (b"seven lanterns\r\nsecond line", b"seven lanterns"),
        (b"  seven lanterns  ", b"  seven lanterns  "),
        (b"", b""),
    ],
)
def test_the_first_line_is_the_passphrase(
    tmp_path: Path, content: bytes, passphrase: bytes
) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(content)
    assert read_passphrase_file(path) == Secret(passphrase)


def test_a_passphrase_file_that_is_not_there_or_absurd_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RootKeyError):
        read_passphrase_file(tmp_path / "none")
    (tmp_path / "long").write_bytes(b"x" * 10_000)
    with pytest.raises(RootKeyError) as caught:
        read_passphrase_file(tmp_path / "long")
    assert "longer" in caught.value.detail
