"""`c7n-mailer --update-lambda` with an archive that works.

c7n-mailer 0.6.52 packages a list of modules that does not match the versions that it requires. The list contains
`decorator`, which its datadog no longer needs and nothing installs, so packaging fails. It lacks `jwt`, without which
its redis cannot be imported, so the function would fail at its start (cloud-custodian's issue 10282). This is
c7n-mailer's own command line with a corrected list.

    ./run.sh python -m guardrails.mailer.function --config mailer/mailer.yml -t mailer/templates --update-lambda
"""
from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from c7n_mailer import cli, deploy  # type: ignore[import-untyped]

_MISSING = ("jwt",)


def modules(listed: Sequence[str]) -> list[str]:
    """The modules to package: those of c7n-mailer's list that are installed, and those that it lacks."""
    return [name for name in dict.fromkeys((*listed, *_MISSING)) if find_spec(name) is not None]


def main() -> None:
    """Run c7n-mailer's command line."""
    deploy.CORE_DEPS[:] = modules(deploy.CORE_DEPS)
    cli.main()


if __name__ == "__main__":
    main()
