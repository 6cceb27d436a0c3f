"""Report groups of CodeBuild. Source: CodeBuild API, ListReportGroups and BatchGetReportGroups."""
from __future__ import annotations

from c7n.query import DescribeWithResourceTags, QueryResourceManager, TypeInfo

from .registry import resource_type


@resource_type("codebuild-report-group")
class CodeBuildReportGroup(QueryResourceManager):
    """Where the test results of builds are collected, and where they are exported to.

    .. code-block:: yaml

        policies:
          - name: report-group-exports
            resource: aws.codebuild-report-group
            filters:
              - type: value
                key: exportConfig.exportConfigType
                value: S3
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "codebuild"
        enum_spec = ("list_report_groups", "reportGroups", None)
        batch_detail_spec = ("batch_get_report_groups", "reportGroupArns", None, "reportGroups", None)
        arn = id = "arn"
        arn_type = "report-group"
        name = "name"
        date = "created"
        cfn_type = "AWS::CodeBuild::ReportGroup"
        universal_taggable = object()

    source_mapping = {"describe": DescribeWithResourceTags}  # noqa: RUF012 - as c7n has it
