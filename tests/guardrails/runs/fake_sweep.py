"""A nursery whose workers run no policy: what they do with an account and region is in the region's name."""
from __future__ import annotations

import os
import pickle
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from guardrails.runs import nursery as real
from guardrails.runs.target import TargetRun

_worker = real.worker


def nursery(connection: Connection) -> None:
    """In place of guardrails.runs.nursery.nursery."""
    real.prepare = loaded
    real.run_target = done
    real.worker = worker
    if os.environ.get("FORKS") == "never":
        real.can_fork = lambda: False
    real.nursery(connection)


def worker(connection: Connection) -> None:
    """In place of guardrails.runs.nursery.worker, in an interpreter of its own."""
    real.prepare = loaded
    real.run_target = done
    _worker(connection)


def loaded(resources: object) -> None:
    if os.environ.get("LOAD") == "fails":
        raise SystemExit("patch x.py does not fit c7n 9")
    if os.environ.get("LOAD") == "raises":
        raise ValueError("no such type")


def done(run: TargetRun) -> bool:
    """Say what was given, then do what the region says."""
    say(f"pid {os.getpid()} dryrun {run.dryrun} ask once {os.environ.get('GUARDRAILS_ASK_ONCE')}")
    for policy in pickle.loads(run.policies)["policies"]:  # noqa: S301 - of this test
        place = f"account:{run.account['name']} region:{run.region}"
        say(f"2026-01-01: c7n_org:DEBUG Running policy:{policy['name']} {place}")
    match run.region.partition("-")[0]:
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "orphaned":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        case "together":
            # Until so many are here at the same time; more than those would be seen.
            here = Path(os.environ["TOGETHER"])
            (here / run.region).touch()
            while len(list(here.iterdir())) < int(os.environ["MANY"]):
                time.sleep(0.02)
            time.sleep(0.2)
            say(f"together {len(list(here.iterdir()))}")
        case "stays":
            part = Path(f"{os.environ['STAY']}.part")
            part.write_text(f"{os.getpid()} {os.getppid()}")
            part.rename(os.environ["STAY"])
            time.sleep(60)
    return True


def say(line: str) -> None:
    """Write a line into the log of the target."""
    os.write(2, f"{line}\n".encode())
