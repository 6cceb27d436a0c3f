"""A Glue database with the tables of the Parquet files, so that Athena and QuickSight can ask across runs.

Athena computes the partitions from the day (partition projection), so no crawler runs and nothing is added each night.
The files of a day are in directories of their runs below it, and Athena reads a location with all that is below it.

Any stack with a bucket of reports can include these resources.

Source: Athena's guide, "Use partition projection with Amazon Athena" and "Set up partition projection": the type date.
"""
from __future__ import annotations

from typing import Any

from ..parquet import PARTITION, TABLES

DATABASE = "guardrails"
PARQUET = "parquet"
"""The prefix in the bucket."""
_FIRST_DAY = "2025-01-01"
_FORMAT = "org.apache.hadoop.hive.ql.io.parquet"


def parquet_tables(bucket: str = "Bucket", prefix: str = PARQUET) -> dict[str, Any]:
    """The resources, by their logical ids, for a template in which `bucket` is the logical id of the bucket.

    `prefix`: where the files are in it, without slashes at its ends.
    """
    made: dict[str, Any] = {"Database": {"Type": "AWS::Glue::Database", "Properties": {
        "CatalogId": {"Ref": "AWS::AccountId"},
        "DatabaseInput": {"Name": DATABASE, "Description": "Runs of aws-guardrails: checks, findings and scores."},
    }}}
    for name, table in TABLES.items():
        place = f"s3://${{{bucket}}}/{prefix}/{name}/"
        made[f"{name.capitalize()}Table"] = {"Type": "AWS::Glue::Table", "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseName": {"Ref": "Database"},
            "TableInput": {
                "Name": name, "Description": table.meaning, "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": [{"Name": PARTITION, "Type": "date", "Comment": "The UTC day of the run"}],
                "StorageDescriptor": {
                    "Location": {"Fn::Sub": place},
                    "InputFormat": f"{_FORMAT}.MapredParquetInputFormat",
                    "OutputFormat": f"{_FORMAT}.MapredParquetOutputFormat",
                    "SerdeInfo": {"SerializationLibrary": f"{_FORMAT}.serde.ParquetHiveSerDe"},
                    "Columns": [{"Name": column.name, "Type": column.type, "Comment": column.meaning}
                                for column in table.columns],
                },
                "Parameters": {
                    "classification": "parquet",
                    "projection.enabled": "true",
                    f"projection.{PARTITION}.type": "date",
                    f"projection.{PARTITION}.format": "yyyy-MM-dd",
                    f"projection.{PARTITION}.range": f"{_FIRST_DAY},NOW+1DAY",
                    f"projection.{PARTITION}.interval": "1",
                    f"projection.{PARTITION}.interval.unit": "DAYS",
                    # CloudFormation leaves ${!...} as ${...}, which Athena fills in.
                    "storage.location.template": {"Fn::Sub": f"{place}{PARTITION}=${{!{PARTITION}}}/"},
                },
            },
        }}
    return made
