"""`c7n-mailer --update-lambda` with an archive that starts.

c7n-mailer 0.6.52 packs a list of modules that does not fit the versions that it asks for: `decorator`, which its
datadog no longer needs and nobody installs, so that packing fails; and not `jwt`, without which its redis cannot be
imported, so that the function would die at its start (cloud-custodian's issue 10282). This is c7n-mailer's own command
line, with that list mended.

    ./run.sh python -m guardrails.mailer.function --config mailer/mailer.yml -t mailer/templates --update-lambda
"""
from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from c7n_mailer import cli, deploy  # type: ignore[import-untyped]

_LACKING = ("jwt",)


def modules(listed: Sequence[str]) -> list[str]:
    """The modules to pack: those of c7n-mailer's list that are installed, and what it forgets."""
    return [name for name in dict.fromkeys((*listed, *_LACKING)) if find_spec(name) is not None]


def main() -> None:
    """c7n-mailer's command line."""
    deploy.CORE_DEPS[:] = modules(deploy.CORE_DEPS)
    cli.main()


if __name__ == "__main__":
    main()
