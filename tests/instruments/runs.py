"""Runs of pytest inside a test: in a process of their own, as a reader's, or in this one, which has imported what they need."""

import io
import os
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLAIN = ("-p", "no:cacheprovider", "--color=no")


def run_apart(folder, *options):
    """The exit status and the words of pytest, in a process that is called in a folder."""
    code = f"import sys, pytest; sys.path.insert(0, {str(ROOT)!r}); sys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *PLAIN, *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout + done.stderr


def run_here(folder, *options):
    """The same, in this process: what a run changes of it is put back, and modules that a folder has anew are read anew."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), redirect_stdout(io.StringIO()) as said:
        patch.chdir(folder)
        patch.setattr(sys, "path", [str(ROOT), *sys.path])
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setenv("SPEC_SEED", os.environ.get("SPEC_SEED", "0"))
        for name in ("conftest", "mine", "test_01_a"):
            sys.modules.pop(name, None)
        warnings.resetwarnings()
        with redirect_stderr(said):
            status = pytest.main([*PLAIN, *options])
    return status, said.getvalue()
