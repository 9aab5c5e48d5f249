"""torch 2.13: logsigmoid and binary_cross_entropy_with_logits lose their second derivatives where the sigmoid is next to 1."""

import math

import torch

torch.set_default_dtype(torch.float64)
functional, hessian = torch.nn.functional, torch.autograd.functional.hessian
losses = {
    "logsigmoid": lambda x: -functional.logsigmoid(x),
    "binary_cross_entropy_with_logits": lambda x: functional.binary_cross_entropy_with_logits(x, torch.ones(1)),
}
for x in (-40.0, -20.0, 20.0, 40.0):
    p = math.exp(-abs(x))
    said = ", ".join(f"{name} {hessian(loss, torch.tensor([x])).item():.10e}" for name, loss in losses.items())
    print(f"at {x}: {said}; p / (1 + p)^2 with p = exp(-|x|) is {p / (1 + p) ** 2:.10e}")
