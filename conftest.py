"""The suite is a pytest plug-in, `spec.plugin`, and tests: the fixtures that claims use are in tests/claims/conftest.py."""

pytest_plugins = ["spec.plugin"]
