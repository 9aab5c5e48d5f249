"""An R process that is asked for answers: a line names a folder and a call, the numbers pass as float64 in its files."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from spec.engines.contract import EngineError

ABSENT = "R is not installed, or lacks MASS or nnet: apt-get install r-base-core r-cran-mass r-cran-nnet"


def is_there() -> bool:
    """Whether R is there, with the packages that the engine asks."""
    if shutil.which("Rscript") is None:
        return False
    command = ["Rscript", "--vanilla", "-e", "library(MASS); library(nnet)"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Session:
    """An R process, started when it is first needed and ended with Python. Raises ValueError where R is not."""

    def __init__(self) -> None:
        if not is_there():
            raise ValueError(ABSENT)

    @cached_property
    def versions(self) -> dict[str, str]:
        """Those of R and of the packages, which the process says first."""
        return dict(zip(("R", "nnet", "MASS"), self._line().split()))

    @cached_property
    def _process(self) -> subprocess.Popen[str]:
        command = ["Rscript", "--vanilla", str(Path(__file__).with_name("answers.R"))]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(process.kill)
        return process

    def ask(self, call: str, given: dict[str, np.ndarray]) -> dict[str, Any]:
        """The answers of an R function by their names, and the warning that it gave."""
        assert self.versions  # read what a new process says first
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "sizes").write_text("".join(f"{key} {len(value)} {value.shape[1]}\n" for key, value in given.items()))
            for key, value in given.items():
                (folder / key).write_bytes(np.asarray(value, dtype=float).tobytes("F"))
            try:
                assert self._process.stdin is not None
                print(folder, call, sep="\t", file=self._process.stdin, flush=True)
                said, _, warned = self._line().partition(" ")
            except BaseException:  # a call that was interrupted: its answer would be taken for that of the next
                self._process.kill()
                del self._process, self.versions
                raise
            if said != "done":
                raise EngineError(f"R: {warned}")
            return {"warned": warned.strip(), **{each.name[4:]: np.fromfile(each) for each in folder.glob("its_*")}}

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EngineError(f"R ended with status {self._process.wait()}")
        return line
