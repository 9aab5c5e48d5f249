"""A reader's own network from its file, loaded without running code of that file, or from a module."""

from __future__ import annotations

import inspect
import json
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from spec.compat import first_line
from spec.engines.keras.versions import RELEASE, keras

SUFFIXES = (".keras", ".h5", ".hdf5")
RUNS = ("Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")  # layers that bring code of their own
OPERATORS = ("math.", "nn.", "__operators__.")  # functions of TensorFlow that a Keras 2 model may name
NAMED = ("activations", "losses", "metrics", "initializers", "regularizers", "constraints", "ops", "layers", "builtins")
LIBRARIES = ("keras", "tf_keras", "tensorflow", "builtins", "numpy")


def load_network(name: str | os.PathLike[str]) -> keras.Model:
    """
    The Keras model of a file, ``model.keras`` or ``.h5``, or of ``package.module:model``, which may be a function that makes it.

    No code of a file runs: Keras's safe mode is on, and before it the file's own description is searched for a Lambda and for
    other layers that bring code. A model whose loss or optimizer is of code that the file does not hold is loaded uncompiled.
    Raises ValueError with what is wrong, and what to do.
    """
    given = os.fspath(name)
    if Path(given).suffix.lower() in SUFFIXES:
        return _of_file(Path(given))
    if ":" in given:
        return _of_module(given)
    raise ValueError(f"{given} is no network: give a file model.keras or model.h5, or package.module:model.")


def is_network_name(name: object) -> bool:
    """Whether something is the name of a network: a file of Keras, or ``package.module:model``."""
    if not isinstance(name, (str, os.PathLike)):
        return False
    if "\n" in os.fspath(name) or os.fspath(name).lstrip().startswith(("{", "c(")):  # a text that was printed
        return False
    path = Path(os.fspath(name))
    return path.suffix.lower() in SUFFIXES or (":" in os.fspath(name) and not path.suffix.endswith((".csv", ".txt", ".tsv")))


def _of_module(given: str) -> keras.Model:
    module, _, path = given.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{given}: {error}. Give package.module:model, as Python would import it.") from error
    if not isinstance(found, keras.Model) and callable(found):
        found = found()
    if not isinstance(found, keras.Model):
        raise ValueError(f"{given} is a {type(found).__name__}, no Keras model nor a function that returns one.")
    return found


def _of_file(path: Path) -> keras.Model:
    if not path.exists():
        raise ValueError(f"there is no file {path}.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: save the network as one file, model.save('model.keras').")
    described, training = _described(path)
    for entry in [*_entries(described), *_entries(training)]:
        _refuse_code(path, entry)
    unknown = [entry for entry in _entries(described) if not _is_known(entry)]
    if unknown:
        raise ValueError(_unknown(path, unknown[0]))
    compiles = all(_is_known(entry) for entry in _entries(training))
    try:
        return _with_optimizer(path, _loaded(path, compile=True)) if compiles else _loaded(path, compile=False)
    except Exception as error:  # whatever Keras raises
        try:
            return _loaded(path, compile=False)
        except Exception:
            raise ValueError(f"{path} cannot be loaded by Keras {keras.__version__}: {first_line(error)}") from error


def _loaded(path: Path, **how: bool) -> keras.Model:
    if "safe_mode" in inspect.signature(keras.models.load_model).parameters:
        how = {**how, "safe_mode": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an optimizer's state, which a diagnosis can do without
        return keras.models.load_model(str(path), **how)


def _with_optimizer(path: Path, model: keras.Model) -> keras.Model:
    """The model with its optimizer's state, which Keras 3 reads of an .h5 file only in part."""
    optimizer = getattr(model, "optimizer", None)
    if path.suffix.lower() == ".keras" or RELEASE < (3,) or optimizer is None:
        return model
    with import_module("h5py").File(path, "r") as file:
        kept = file.get("optimizer_weights")
        values = [] if kept is None else [np.asarray(kept[name]) for name in kept.attrs["weight_names"]]
    if len(values) > len(optimizer.variables):
        optimizer.built = False
        optimizer.build(model.trainable_variables)
        if [value.shape for value in values] == [tuple(variable.shape) for variable in optimizer.variables]:
            for variable, value in zip(optimizer.variables, values):
                variable.assign(value)
    return model


def _described(path: Path) -> tuple[Any, Any]:
    """Return (model, training): what a file says of its layers, and of its loss and optimizer."""
    try:
        if path.suffix.lower() == ".keras":
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))
            return {name: value for name, value in config.items() if name != "compile_config"}, config.get("compile_config")
        with import_module("h5py").File(path, "r") as file:
            model, training = (file.attrs.get(name) for name in ("model_config", "training_config"))
        if model is None:
            raise ValueError(f"{path} holds weights alone, no network: save it by model.save(...), not by save_weights.")
        return json.loads(model), None if training is None else json.loads(training)
    except (zipfile.BadZipFile, KeyError, OSError, json.JSONDecodeError) as error:
        kind = "Keras" if path.suffix.lower() == ".keras" else "HDF5"
        raise ValueError(f"{path} is no {kind} file of a network: save it by model.save({path.name!r}).") from error


def _entries(config: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects that a description names, those within others too."""
    if isinstance(config, Mapping):
        if isinstance(config.get("class_name"), str):
            yield config
        for value in config.values():
            yield from _entries(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _entries(value)


def _title(entry: Mapping[str, Any]) -> str:
    config = entry.get("config")
    return str((config.get("name") if isinstance(config, Mapping) else None) or entry.get("name") or entry["class_name"])


def _refuse_code(path: Path, entry: Mapping[str, Any]) -> None:
    kind, config = entry["class_name"], entry.get("config")
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        function = str(config.get("function", "")) if isinstance(config, Mapping) else ""
        runs = not function.startswith(OPERATORS)
    else:
        runs = kind in RUNS
    if runs:
        raise ValueError(
            f"{path} has the layer {_title(entry)}, a {kind}, which brings code of its own, and no code of a file is run: write "
            "it with layers or keras.ops, or give the network as package.module:model."
        )


def _is_known(entry: Mapping[str, Any]) -> bool:
    """Whether Keras or this specification knows an object by itself."""
    kind, module = str(entry["class_name"]), entry.get("module")
    registered = entry.get("registered_name") or kind
    if kind == "function":
        name = str(entry.get("config"))
        parts = str(module or "builtins").split(".")
        if _is_registered(registered) or _is_registered(name):
            return True
        if "builtins" in parts:
            return any(hasattr(getattr(keras, group, None), name) for group in NAMED)
        return parts[0] in LIBRARIES and any(group in parts for group in NAMED)
    if _is_registered(registered) or _is_registered(kind):
        return True
    if module is None:
        return ">" not in kind  # a name that Keras does not know it tells itself
    parts = str(module).split(".")
    return parts[0] in LIBRARIES and not {"utils", "saving", "legacy"} & set(parts)


def _is_registered(name: Any) -> bool:
    holder = getattr(keras, "saving", keras.utils)
    find = getattr(holder, "get_registered_object", None) or keras.utils.get_registered_object
    return isinstance(name, str) and find(name) is not None


def _unknown(path: Path, entry: Mapping[str, Any]) -> str:
    kind = entry.get("config") if entry["class_name"] == "function" else entry["class_name"]
    return (
        f"{path} has {kind} of {entry.get('module') or 'code'}, which the file does not hold and Keras does not know: give the "
        "network as package.module:model, or register the class by keras.saving.register_keras_serializable."
    )
