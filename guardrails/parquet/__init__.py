"""The results of many runs as Parquet files in a directory or bucket, and queries over them."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .named import NamedQuery, named_queries
    from .place import ParquetPlace, parquet_place
    from .query import Answer, ask
    from .tables import PARTITION, TABLES, ParquetColumn
    from .write import add_run, check_parquet

__getattr__, __all__ = face(
    __name__,
    named=("NamedQuery", "named_queries"),
    place=("ParquetPlace", "parquet_place"),
    query=("Answer", "ask"),
    tables=("PARTITION", "TABLES", "ParquetColumn"),
    write=("add_run", "check_parquet"),
)
