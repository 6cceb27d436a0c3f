"""How many things happen at the same time, each number with its reason."""
from __future__ import annotations

ACCOUNTS_CHECKED = 16
"""Accounts whose access is checked at the same time: each waits for STS and needs a thread."""
WORKERS_PER_PROCESSOR = 4
"""Workers of a sweep per processor, each with one account and region: they mostly wait for AWS. `--workers` overrides
it."""
CREDENTIAL_REPORTS = 32
"""Accounts whose credential report is requested at the same time: AWS needs seconds to generate one."""
DEPLOYMENT_READS = 8
"""Functions that `deploy` and `undeploy` read at the same time: Lambda allows 15 reads a second."""
DEPLOYMENT_WRITES = 8
"""Triggers of policies in groups that are put at the same time: AWS Config accepts a few PutConfigRule a second, and
the SDK slows down when it is throttled."""
GROUPS_PUBLISHED = 4
"""Functions of groups that are deployed at the same time: each sends an archive of about a megabyte, and waits."""
HEALTH_READS = 8
"""Functions of one region that `doctor` reads at the same time."""
HEALTH_REGIONS = 4
"""(account, region) targets that `doctor` checks at the same time."""
REGIONS_PER_SHARD = 4
"""Regions of one account in a shard of a sweep on Step Functions: few enough for a function's 15 minutes, and each
shard enters its account once."""
OUTPUTS_READ = 8
"""Objects that are read from S3 at the same time."""
SECURITY_HUBS = 16
"""(account, region) targets into which findings are imported at the same time."""
HEAL_LIMIT = 100
"""Resources that one `heal` changes at most, unless --limit says more: a wrong policy must not change a whole fleet."""
UNZIPPED_BYTES = 256 * 1024 * 1024
"""The largest content of a gzipped file that `replay` reads: a small file can unzip to more than the memory holds."""
FILE_BYTES = 128 * 1024 * 1024
"""The largest file of receipts, or of recorded events before it is unzipped. A larger one is refused by its size."""
PLAN_BYTES = 64 * 1024 * 1024
"""The largest plan that `heal --apply` reads: about 50,000 findings."""
