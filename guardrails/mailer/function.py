"""c7n-mailer's own command line, with its holes closed and an archive that works: `guardrails c7n-mailer`.

A message decides neither what is rendered nor who gets it (hardening.py); the policies do, which are read when the
mailer starts, and when its function is deployed (`--update-lambda`).

c7n-mailer 0.6.52 packages a list of modules that does not match the versions that it requires. The list contains
`decorator`, which its datadog no longer needs and nothing installs, so packaging fails. It lacks `jwt`, without which
its redis cannot be imported, so the function would fail at its start (cloud-custodian's issue 10282).

    guardrails c7n-mailer --config mailer/mailer.yml -t mailer/templates --run
    guardrails c7n-mailer --config mailer/mailer.yml -t mailer/templates --update-lambda

`--policies DIR` names a directory of policy files; the default is what guardrails.yml says, else the shipped ones.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from c7n.mu import PythonPackageArchive
from c7n_mailer import cli, deploy

from ..errors import GuardrailsError
from ..policies import PolicySources
from ..settings import team_settings
from . import hardening
from .notices import notices

_MISSING = ("jwt",)
_MODULE, _NOTICES = "guardrails_mailer", "notices.json"
# What Lambda runs: c7n-mailer's own start, after the same closing as here.
_START = f"""\
import json
from pathlib import Path

import {_MODULE}

{_MODULE}.install(json.loads(Path(__file__).with_name("{_NOTICES}").read_text(encoding="utf-8")))

"""
_ENTRY = deploy.entry_source


def modules(listed: Sequence[str]) -> list[str]:
    """The modules to package: those of c7n-mailer's list that are installed, and those that it lacks."""
    return [name for name in dict.fromkeys((*listed, *_MISSING)) if find_spec(name) is not None]


def prepare(known: Mapping[str, Any]) -> None:
    """Have c7n-mailer send only what `known` has (notices.py), in this process and in what it deploys."""

    class Archive(PythonPackageArchive):
        """An archive that also contains the closing, and the notices."""

        def close(self) -> Any:
            self.add_contents(f"{_MODULE}.py", Path(hardening.__file__).read_text(encoding="utf-8"))
            self.add_contents(_NOTICES, json.dumps(known))
            return super().close()

    hardening.install(known)
    deploy.CORE_DEPS[:] = modules(deploy.CORE_DEPS)
    deploy.PythonPackageArchive = Archive
    deploy.entry_source = _START + _ENTRY


def main() -> None:
    """Run c7n-mailer's command line, with our option `--policies`."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--policies", type=Path, action="append", default=[])
    given, rest = own.parse_known_args(sys.argv[1:])
    try:
        known = notices(_sources(given.policies))
    except GuardrailsError as error:
        sys.exit(f"c7n-mailer: {error}")
    prepare(known)
    sys.argv[1:] = rest
    cli.main()


def _sources(directories: Sequence[Path]) -> PolicySources:
    """The named directories; else what guardrails.yml says."""
    if directories:
        return PolicySources(packs=(), directories=tuple(str(each.absolute()) for each in directories))
    return team_settings(None).sources


if __name__ == "__main__":
    main()
