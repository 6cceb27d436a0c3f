"""The limits of concurrency, each with its reason."""
from __future__ import annotations

ACCOUNTS_CHECKED = 16
"""Accounts whose access is checked at the same time: each waits for STS and needs a thread."""
SWEEPS = 2
"""c7n-org processes of one audit at the same time; each has its own workers (WORKERS_PER_PROCESSOR)."""
WORKERS_PER_PROCESSOR = 4
"""Workers of c7n-org for each processor: they mostly wait for AWS, and each needs about 80 MB."""
TARGETS_PER_SWEEP = 32
"""Pairs of account and region for one c7n-org process: its log is read as a whole when it ends, and when one of its
workers is killed, the targets that it had not finished are lost."""
CREDENTIAL_REPORTS = 32
"""Accounts whose credential report is requested at the same time: AWS needs seconds to create one."""
DEPLOYMENT_READS = 8
"""Functions that deploy or undeploy reads at the same time: Lambda allows 15 reads per second."""
HEALTH_READS = 8
"""Functions that doctor reads at the same time in a region."""
HEALTH_REGIONS = 4
"""Pairs of account and region that doctor examines at the same time."""
OUTPUTS_READ = 8
"""Objects that are read from S3 at the same time."""
SECURITY_HUBS = 16
"""Pairs of account and region that findings are imported into at the same time."""
