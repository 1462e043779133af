import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from scanhub_workflow.cli.settings import Settings, SettingsFile
from scanhub_workflow.errors import ConfigurationError

URL = "https://api.test/workflowmanager"
SAVED = Settings(url=URL, token=SecretStr("kept"), username="ada")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "login.json"


@pytest.fixture
def saved(path: Path) -> SettingsFile:
    file = SettingsFile(path, {})
    file.write(SAVED)
    return file


def test_login_is_kept_for_its_owner_alone(saved: SettingsFile, path: Path) -> None:
    assert saved.find() == SAVED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_nothing_is_known_without_a_login(path: Path) -> None:
    assert SettingsFile(path, {}).find() == Settings()


def test_environment_has_the_last_word(saved: SettingsFile, path: Path) -> None:
    environ = {"SCANHUB_WORKFLOW_URL": URL + "/", "SCANHUB_WORKFLOW_TOKEN": " mine "}
    found = SettingsFile(path, environ).find()
    assert (found.url, found.token.get_secret_value()) == (URL, "mine")


def test_token_is_not_shown_to_another_server(saved: SettingsFile, path: Path) -> None:
    environ = {"SCANHUB_WORKFLOW_URL": "https://elsewhere.test/workflowmanager"}
    found = SettingsFile(path, environ).find()
    assert found == Settings(url="https://elsewhere.test/workflowmanager")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_login_that_others_may_read_is_not_used(saved: SettingsFile, path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        saved.find()


@pytest.mark.parametrize("content", [b"", b"{", b'{"token": 1}', b"\xff\xfe", b"[]"])
def test_damaged_login_is_told_without_its_content(
    saved: SettingsFile, path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="Log in: scanhub-workflow login") as told:
        saved.find()
    assert told.value.__cause__ is None


def test_login_that_an_editor_has_saved_is_read(saved: SettingsFile, path: Path) -> None:
    content = path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + content)
    assert saved.find() == SAVED


def test_login_that_cannot_be_kept_leaves_nothing(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="cannot be written: Is a directory"):
        SettingsFile(path, {}).write(SAVED)
    assert list(path.parent.iterdir()) == [path]


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match="cannot be written: File exists"):
        SettingsFile(tmp_path / "file" / "login.json", {}).write(SAVED)


def test_token_stands_in_no_repr(saved: SettingsFile) -> None:
    environ = SettingsFile(saved.path, {"SCANHUB_WORKFLOW_TOKEN": "kept"})
    assert "kept" not in repr(saved.find()) + repr(environ)
