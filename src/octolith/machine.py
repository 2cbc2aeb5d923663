"""The machine that a step runs on, in words: a page says it of every step."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

MARK = "on: "
"""What the line of a log that names the machine begins with."""


def machine() -> dict[str, str]:
    """System, processor, cores and memory, and the GPU if a step has loaded PyTorch to use it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
    }
    return found | ({"gpu": gpu} if (gpu := _gpu()) else {})


def line() -> str:
    """The machine as a line of a log."""
    known = machine()
    words = [known["processor"], f"{known['cores']} cores", known["memory"]]
    return MARK + ", ".join([*words, *([known["gpu"]] if "gpu" in known else [])])


def read_line(log: str | Path) -> str:
    """The machine that a log names, or ''."""
    if not Path(log).is_file():
        return ""
    with Path(log).open(encoding="utf-8", errors="replace") as lines:
        marked = (text for text in lines if text.startswith(MARK))
        return next(marked, "").removeprefix(MARK).strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown"


def _gpu() -> str:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return ""
    count = torch.cuda.device_count()
    return (f"{count} × " if count > 1 else "") + str(torch.cuda.get_device_name(0))
