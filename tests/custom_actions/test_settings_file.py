"""Where a team's guardrails.yml is found."""
from __future__ import annotations

from pathlib import Path

import pytest

from custom_actions.settings_file import VARIABLE, TeamError, nearest_settings, settings_file


def test_it_is_found_in_the_nearest_directory_above(tmp_path: Path) -> None:
    deep = tmp_path / "deep" / "down"
    deep.mkdir(parents=True)
    assert nearest_settings(deep) is None
    (tmp_path / "guardrails.yml").write_text("")
    assert nearest_settings(deep) == tmp_path / "guardrails.yml"
    (tmp_path / "deep" / "guardrails.yml").write_text("")
    assert nearest_settings(deep) == tmp_path / "deep" / "guardrails.yml"


def test_what_is_given_comes_before_the_variable_and_the_variable_before_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearest, other = tmp_path / "guardrails.yml", tmp_path / "other.yml"
    nearest.write_text("")
    other.write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    assert (settings_file(), settings_file(str(other)), settings_file("none")) == (nearest, other, None)
    monkeypatch.setenv(VARIABLE, str(other))
    assert (settings_file(), settings_file(str(nearest))) == (other, nearest)
    monkeypatch.setenv(VARIABLE, "none")
    assert settings_file() is None
    monkeypatch.setenv(VARIABLE, str(tmp_path / "missing.yml"))
    with pytest.raises(TeamError, match="there is no such file of settings"):
        settings_file()
