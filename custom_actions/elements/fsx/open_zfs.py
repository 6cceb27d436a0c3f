"""The action `change-settings` on `aws.fsx`: settings of file systems of OpenZFS."""
from __future__ import annotations

from ...fixing import ChangeSettings, Form, SettingsCall, same_names, shown_by


class ChangeOpenZfs(ChangeSettings):
    """Change settings of a file system of OpenZFS, and verify the result.

    Written because c7n's `update` takes settings of Windows and Lustre only.

    Source: FSx's UpdateFileSystem and DescribeFileSystems.

    :example:

    .. code-block:: yaml

        policies:
          - name: fsx-openzfs-copy-tags
            resource: aws.fsx
            filters:
              - FileSystemType: OPENZFS
              - {type: value, key: OpenZFSConfiguration.CopyTagsToBackups, op: ne, value: true}
            actions:
              - type: change-settings
                settings: {CopyTagsToBackups: true}
    """

    settings_call = SettingsCall(
        "fsx", "update_file_system", ("FileSystemId",),
        same_names("CopyTagsToBackups", "CopyTagsToVolumes", default="false"),
        shown_by("describe_file_systems", "FileSystems[0].OpenZFSConfiguration", FileSystemIds=["FileSystemId"]),
        reads=("fsx:DescribeFileSystems",), writes=("fsx:UpdateFileSystem",),
        form=Form(within="OpenZFSConfiguration"))
