"""How many things happen at once, each number with its reason."""
from __future__ import annotations

ACCOUNTS_CHECKED = 16
"""Accounts that are asked at once whether they can be reached: each waits for STS and costs a thread."""
SWEEPS = 2
"""c7n-orgs of one sweep at once: each has workers of its own, up to four a processor (WORKERS_PER_PROCESSOR)."""
WORKERS_PER_PROCESSOR = 4
"""c7n-org's workers for each processor: they wait for AWS most of the time, and each takes about 80 MB."""
TARGETS_PER_SWEEP = 32
"""Accounts by regions that one c7n-org is given: its log is read whole when it has ended, and when a worker of it is
killed, the targets that it had not finished are lost with it."""
CREDENTIAL_REPORTS = 32
"""Accounts whose credential report is asked for at once: AWS takes seconds to make one, and each waits."""
DEPLOYMENT_READS = 8
"""Functions that a plan of a deployment, or of an undeployment, reads at once: Lambda allows 15 reads a second."""
HEALTH_READS = 8
"""Functions that doctor reads at once in a region."""
HEALTH_REGIONS = 4
"""Accounts by regions that doctor looks at at once."""
OUTPUTS_READ = 8
"""Objects that are read from S3 at once."""
SECURITY_HUBS = 16
"""Accounts by regions that findings are imported into at once."""
