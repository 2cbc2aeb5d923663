"""A private, real Slurm, and checkouts of the workflow to run on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
from checkout import Checkout, until

HERE = Path(__file__).parent
# What people have in their environment, and jobs inherit.
SECRET = "API_TOKEN=correct-horse-battery"
QUICK = ("--slurm-init-seconds-before-status-checks", "6", "--latency-wait", "10", "--jobs", "4")


class Slurm:
    """Two nodes with two pretend GPUs each, in namespaces of their own."""

    def __init__(self) -> None:
        self._namespaces = subprocess.Popen(
            [HERE / "with_slurm.sh", "sh", "-c", "echo ready; cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._namespaces.stdout is not None
        assert self._namespaces.stdout.readline() == "ready\n", "Slurm did not start"

    def close(self) -> None:
        """Stop Slurm, and with it everything that it runs."""
        self._namespaces.communicate()

    def inside(self, folder: Path, *command: str) -> list[str]:
        """The command, to be run in ``folder`` where this Slurm is the machine's."""
        ns = f"/proc/{self._namespaces.pid}/ns"
        enter = ["nsenter", f"--mount={ns}/mnt", f"--pid={ns}/pid_for_children", "--"]
        # (What runs in the background of a script ignores Ctrl-C, and so do its children.)
        env = ["env", "--default-signal=INT", "-C", str(folder), f"PATH={path()}", SECRET]
        return [*enter, *env, *command]

    def start(self, folder: Path, *arguments: str) -> subprocess.Popen[str]:
        """Start `snakemake --profile slurm`."""
        snakemake = ("snakemake", "--profile", "slurm", "--configfile", "config.yaml", *QUICK)
        return subprocess.Popen(
            self.inside(folder, *snakemake, *arguments),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, checkout: Checkout, *arguments: str) -> str:
        """Run `snakemake --profile slurm` to its good end; what it said."""
        process = self.start(checkout.folder, *arguments)
        said, _ = process.communicate()
        assert process.returncode == 0, said
        return said

    def ask(self, *command: str) -> str:
        """What a Slurm client answers."""
        return subprocess.run(
            self.inside(Path("/"), *command), check=True, capture_output=True, text=True
        ).stdout

    def jobs(self, fields: str, *options: str) -> list[list[str]]:
        """Rows of squeue, one a job of any state, oldest first, with these fields."""
        form = ",".join(f"{field}:200" for field in fields.split())
        table = self.ask("squeue", "-h", "--sort=i", "--states=all", "-O", form, *options)
        return [[line[i : i + 200].strip() for i in range(0, len(line), 200)]
                for line in table.splitlines()]  # fmt: skip

    def struck(self, folder: Path, rule: str) -> str:
        """Wait until the fault in ``folder`` has struck; the number of the rule's running job."""
        until(lambda: not any((folder / "faults").iterdir()))
        rows = self.jobs("jobid comment", "--states=running")
        return next(job for job, comment in rows if comment.startswith(f"rule_{rule}"))


def path() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def kill(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> str:
    """Send Snakemake, which nsenter runs in the namespaces, a signal; what it had said."""
    for child in psutil.Process(process.pid).children(recursive=True):
        if "snakemake" in " ".join(child.cmdline()):
            child.send_signal(number)
    return process.communicate()[0]
