"""
One call to an engine: the time it has, and what it may not do to the process, to the problem and to the run.

Whatever a call does (raise, exit, skip the test, fork, hang, alter what it was given), the caller gets an answer, a `Declined`
or an `EngineError` that names the engine, its method and its problem. Only two things escape. Code that never comes back to
Python cannot be interrupted: the process is ended after `last_resort` seconds, with a traceback. So does an engine that
ends the process itself, with os._exit or a crash. With pytest-xdist the run goes on in another process after both.
"""

from __future__ import annotations

import faulthandler
import mmap
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, TypeVar

import numpy as np

from spec.engines.contract import Declined, EngineError

Answer = TypeVar("Answer")
AGAIN = 1.0  # seconds after which an engine is interrupted again that went on after it was interrupted
GRACE = 0.5  # seconds in which a process that a call forked comes back, if it does
TIMER = hasattr(signal, "setitimer")  # not on Windows: there a call that hangs, hangs

last_words: int | None = None  # the descriptor of a file for the traceback of a process that is ended; the plug-in sets it


class _Late(BaseException):
    """The time of a call is over. No Exception, so that an engine's own handlers let it pass."""


def last_resort(seconds: float) -> float:
    """The seconds after which a process is ended in which a call with so much time has not come back."""
    return 2 * seconds + 5


def ask(
    who: str, call: Callable[[], Answer], seconds: float, arrays: Mapping[str, np.ndarray]
) -> tuple[Answer, list[warnings.WarningMessage]]:
    """
    The answer of a call, and the warnings in it. Raises EngineError that begins with ``who``, or the engine's `Declined`.

    A call has ``seconds`` (0: any time), and leaves ``arrays``, by name, as they were. What it altered is put back.
    """
    _FORKS.raise_if_returned()
    kept = {name: array.copy() for name, array in arrays.items()}
    writeable = {name: array.flags.writeable for name, array in arrays.items()}
    forks, began = _FORKS.count, time.monotonic()
    error: BaseException | None = None
    caught: list[warnings.WarningMessage] = []
    answer: Any = None
    try:
        with warnings.catch_warnings(record=True) as caught, np.errstate():
            warnings.simplefilter("default")  # an engine's warnings are no errors, whatever the suite makes of its own
            answer = _interruptible(lambda: _in_time(lambda: _FORKS.only_here(who, call), seconds))
    except _Interrupted:
        raise KeyboardInterrupt from None
    except BaseException as raised:
        error = raised
    took = time.monotonic() - began
    if _FORKS.count > forks:
        _FORKS.wait()
        _FORKS.raise_if_returned()
    if altered := _put_back(arrays, kept, writeable):
        raise EngineError(f"{who} altered {' and '.join(altered)}, which it was given to read.") from error
    if seconds and (took > seconds or isinstance(error, _Late)):
        raise EngineError(f"{who} did not answer within {seconds:g} s.") from None
    if isinstance(error, Declined):  # an engine inside this one declines
        raise error
    if error is not None:
        raise EngineError(f"{who} raised {type(error).__name__}: {error}") from error
    return answer, caught


def _put_back(arrays: Mapping[str, np.ndarray], kept: Mapping[str, np.ndarray], writeable: Mapping[str, bool]) -> list[str]:
    """The names of the arrays that were altered, which have their values again; none can be written to that could not before."""
    altered = [name for name, array in arrays.items() if not np.array_equal(array, kept[name])]
    for name in altered:
        if not np.array_equal(arrays[name], kept[name]):  # a view has its values again with the array that it is a view of
            arrays[name].flags.writeable = True
            arrays[name][...] = kept[name]
    for name, array in arrays.items():
        if not writeable[name]:
            array.flags.writeable = False
    return altered


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _in_time(call: Callable[[], Answer], seconds: float) -> Answer:
    """The answer of a call that is interrupted by `_Late` when its time is over, where there are timers."""
    if not seconds or not TIMER or not _in_main_thread():
        return call()
    running, began = True, time.monotonic()

    def ring(number: int, frame: FrameType | None) -> None:
        if running:
            raise _Late

    handler = signal.signal(signal.SIGALRM, ring)
    delay, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    if last_words is not None:
        faulthandler.dump_traceback_later(last_resort(seconds), exit=True, file=last_words)
    try:
        try:
            return call()
        finally:
            running = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if last_words is not None:
            faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, handler)
        if delay:  # of a timer that was set around this call
            signal.setitimer(signal.ITIMER_REAL, max(delay - (time.monotonic() - began), 1e-3), interval)


class _Interrupted(BaseException):
    """The reader pressed Ctrl-C during a call."""


def _interruptible(call: Callable[[], Answer]) -> Answer:
    """The answer of a call. Ctrl-C raises `_Interrupted`; KeyboardInterrupt is then an engine's own."""
    if not _in_main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return call()
    pressed = False

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, press)
    try:
        return call()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if pressed:
            raise _Interrupted  # also where the engine caught it


class _Forks:
    """
    Counts the processes that are forked, and ends one that comes back from a call: else it would run the rest of the tests.

    The process that ends leaves its word in memory that it shares with this one.
    """

    def __init__(self) -> None:
        self.count = 0
        self._word = mmap.mmap(-1, 4096)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_parent=self._forked)

    def _forked(self) -> None:
        self.count += 1

    def only_here(self, who: str, call: Callable[[], Answer]) -> Answer:
        """The answer of a call, in this process; in one that the call forked this does not return."""
        here = os.getpid()
        try:
            return call()
        finally:
            if os.getpid() != here:
                said = who.encode()[:4000]
                self._word[: len(said)] = said
                os._exit(1)

    def wait(self) -> None:
        """Wait until a forked process comes back from its call, or ends, or goes on for so long that it does not seem to."""
        end = time.monotonic() + GRACE
        while time.monotonic() < end and not self._returned() and _has_children():
            time.sleep(0.002)

    def raise_if_returned(self) -> None:
        """Raise EngineError if a forked process came back from a call, this one or an earlier one."""
        if who := self._returned():
            self._word[:] = bytes(len(self._word))
            raise EngineError(f"{who} forked the process and returned in both.")

    def _returned(self) -> str:
        return self._word[:].rstrip(b"\0").decode(errors="replace")


_FORKS = _Forks()


def _has_children() -> bool:
    """Whether a child of this process is there that may be running; yes where the system does not tell."""
    if not hasattr(os, "waitid"):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
