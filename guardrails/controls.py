"""The catalogues of frameworks: `controls/<framework>.yml`, a list of requirements, each with its `id`."""
from __future__ import annotations

from pathlib import Path

from .errors import GuardrailsError
from .paths import CONTROLS
from .yamlfile import YamlError, read


def load_catalogues(directory: Path = CONTROLS) -> dict[str, frozenset[str]]:
    """Framework name to the ids of its requirements. Raises GuardrailsError for a file that is no catalogue."""
    catalogues = {}
    for file in sorted(directory.glob("*.yml")):
        try:
            data = read(file).data
        except YamlError as error:
            raise GuardrailsError(f"{file}:{error.line}: {error.message}") from None
        if not isinstance(data, list) or not all(isinstance(entry, dict) and "id" in entry for entry in data):
            raise GuardrailsError(f"{file}: not a catalogue", "a catalogue is a list of requirements, each with an id")
        catalogues[file.stem] = frozenset(str(entry["id"]) for entry in data)
    return catalogues
