"""A wall-time limit is a signal before it is a kill: note it, and stop after the step."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

# What a job interrupted by the scheduler exits with (EX_TEMPFAIL): run it again, it resumes.
EXIT_RESUME = 75


class Interrupted(SystemExit):
    """Training stopped on a signal, with its state saved; the next run resumes."""

    def __init__(self) -> None:
        super().__init__(EXIT_RESUME)


class Interruption:
    """While active, SIGTERM, SIGINT and SIGUSR1 set ``.requested`` instead of killing."""

    SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, Any] = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True

    def __enter__(self) -> Self:
        for number in self.SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
