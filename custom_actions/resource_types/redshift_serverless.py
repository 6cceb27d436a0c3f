"""Workgroups and namespaces of Redshift Serverless. Source: Redshift Serverless API, ListWorkgroups, ListNamespaces."""
from __future__ import annotations

from c7n.query import DescribeWithResourceTags, QueryResourceManager, TypeInfo

from .registry import resource_type


@resource_type("redshift-serverless-workgroup")
class RedshiftServerlessWorkgroup(QueryResourceManager):
    """What queries run on, and who can connect to it.

    .. code-block:: yaml

        policies:
          - name: workgroup-public
            resource: aws.redshift-serverless-workgroup
            filters:
              - publiclyAccessible: true
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "redshift-serverless"
        enum_spec = ("list_workgroups", "workgroups", None)
        arn = "workgroupArn"
        arn_type = "workgroup"
        id = name = "workgroupName"
        date = "creationDate"
        cfn_type = "AWS::RedshiftServerless::Workgroup"
        universal_taggable = object()

    source_mapping = {"describe": DescribeWithResourceTags}  # noqa: RUF012 - as c7n has it


@resource_type("redshift-serverless-namespace")
class RedshiftServerlessNamespace(QueryResourceManager):
    """The databases and users that a workgroup works on.

    .. code-block:: yaml

        policies:
          - name: namespace-default-administrator
            resource: aws.redshift-serverless-namespace
            filters:
              - adminUsername: admin
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "redshift-serverless"
        enum_spec = ("list_namespaces", "namespaces", None)
        arn = "namespaceArn"
        arn_type = "namespace"
        id = name = "namespaceName"
        date = "creationDate"
        cfn_type = "AWS::RedshiftServerless::Namespace"
        universal_taggable = object()

    source_mapping = {"describe": DescribeWithResourceTags}  # noqa: RUF012 - as c7n has it
