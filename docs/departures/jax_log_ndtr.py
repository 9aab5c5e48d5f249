"""JAX 0.12: jax.scipy.special.log_ndtr below -20, with its derivatives, beside balls of 300 bits (python-flint)."""

import flint
import jax
from jax.scipy.special import log_ndtr

jax.config.update("jax_enable_x64", True)
flint.ctx.prec = 300
slope, bend = jax.grad(log_ndtr), jax.grad(jax.grad(log_ndtr))
for x in (-19.0, -21.0, -30.0):
    ball = flint.arb(x)
    tail = (-ball / flint.arb(2).sqrt()).erfc() / 2
    hazard = (-(ball * ball) / 2).exp() / (2 * flint.arb.pi()).sqrt() / tail
    for name, found, true in (
        ("value", log_ndtr(x), tail.log()),
        ("slope", slope(x), hazard),
        ("second derivative", bend(x), -hazard * (hazard + ball)),
    ):
        print(f"at {x} the {name} is off by a share of {abs(float(found) / float(true) - 1):.1e}")
