"""torch 2.13: softplus(x) = log(1 + exp(x)) is x itself above 20, where log(1 + exp(-x)) is still 2e-9."""

import math

import torch

torch.set_default_dtype(torch.float64)
for x in (19.9, 20.1, 25.0, 36.0):
    mine = torch.nn.functional.softplus(torch.tensor(x)).item()
    print(f"at {x}: {mine!r}, exactly {x + math.log1p(math.exp(-x))!r}")
