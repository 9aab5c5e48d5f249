"""The wheel: the package `spec`, and the claims of tests/claims as its package `spec.claims`."""

from setuptools import find_packages, setup

CLAIMS = "tests/claims"

setup(
    packages=[
        *find_packages(include=["spec", "spec.*"]),
        "spec.claims",
        *(f"spec.claims.{chapter}" for chapter in find_packages(CLAIMS)),
    ],
    package_dir={"spec.claims": CLAIMS},
)
