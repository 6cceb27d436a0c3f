"""How many things happen at the same time, each number with its reason."""
from __future__ import annotations

ACCOUNTS_CHECKED = 16
"""Accounts whose access is checked at the same time: each waits for STS and needs a thread."""
SWEEPS = 2
"""c7n-org processes of one sweep at the same time, each with workers of its own. `--sweeps` overrides it."""
WORKERS_PER_PROCESSOR = 4
"""Workers of a c7n-org process per processor: they mostly wait for AWS, and each needs about 80 MB of memory.
`--workers` overrides it."""
TARGETS_PER_SWEEP = 32
"""(account, region) targets of one c7n-org process: its log is read into memory when it has ended, and if one of its
workers is killed, all its unfinished targets are lost."""
CREDENTIAL_REPORTS = 32
"""Accounts whose credential report is requested at the same time: AWS needs seconds to generate one."""
DEPLOYMENT_READS = 8
"""Functions that `deploy` and `undeploy` read at the same time: Lambda allows 15 reads a second."""
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
