"""Try it: for all weights. Opens as a notebook, too, where `# %%` begins a cell."""

from spec import problems
from spec.engines.contract import Recipe
from spec.engines.keras import KerasEngine
from spec.proof.prove import prove

engine, counts = KerasEngine(), problems.get("poisson-log")

# %% the program of the network and of its loss, as Keras traces it, is Poisson regression at all weights
proof = prove(counts)
print("\n".join(proof.program.lines()))
print(proof.conditions)
assert not proof.remainders

# %% Keras's own Poisson loss is not: this remains
proof = prove(counts, engine.network(counts, Recipe(built_in_loss=True)))
(left,) = proof.of("objective")
print(left.formula)
assert "log(exp(eta) + 1e-07)" in left.formula
