"""The pytest plug-in of the specification: its options and engines, and the outcomes of claims."""
