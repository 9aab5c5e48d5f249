"""torch 2.13: logsigmoid and binary_cross_entropy_with_logits lose their derivatives where the sigmoid is next to 1."""

import math

import torch

torch.set_default_dtype(torch.float64)
functional = torch.nn.functional
jacobian, hessian = torch.autograd.functional.jacobian, torch.autograd.functional.hessian
losses = {
    "logsigmoid": lambda x: -functional.logsigmoid(x).sum(),
    "binary_cross_entropy_with_logits": lambda x: functional.binary_cross_entropy_with_logits(x, torch.ones(1)),
}
for x in (-40.0, -20.0, 20.0, 40.0):
    p, at = math.exp(-abs(x)), torch.tensor([x])
    slope = -p / (1 + p) if x > 0 else -1 / (1 + p)
    for name, loss in losses.items():
        print(f"at {x}: {name} {jacobian(loss, at).item():.10e}, {hessian(loss, at).item():.10e}")
    print(f"at {x}: exactly {slope:.10e}, {p / (1 + p) ** 2:.10e}")
