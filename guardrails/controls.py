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
        ids = [str(entry["id"]) for entry in data]
        if repeated := sorted({name for name in ids if ids.count(name) > 1}):
            raise GuardrailsError(
                f"{file}: the id {repeated[0]} stands for two requirements", "quote the ids: '1.10' is no number")
        catalogues[file.stem] = frozenset(ids)
    return catalogues
