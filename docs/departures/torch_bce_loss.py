"""torch 2.13: BCELoss keeps p (1 - p) at 1e-12 in its derivative, adds 1e-12 in the next, and takes no p beyond 0 and 1."""

import torch

torch.set_default_dtype(torch.float64)
derive, one = torch.autograd.functional, torch.ones(1)
for p in (0.25, 1e-8, 1e-14, 1.0):
    at = torch.tensor([p])
    first = derive.jacobian(lambda p: torch.nn.BCELoss()(p, one), at).item()
    second = derive.hessian(lambda p: torch.nn.BCELoss()(p, one), at).item()
    print(f"p = {p}: the derivatives of -log p are {-1 / p:.15g} and {1 / p**2:.15g}, BCELoss has {first:.15g} and {second:.15g}")
try:
    torch.nn.BCELoss()(torch.tensor([1.000001]), one)
except RuntimeError as error:
    print("p = 1.000001:", error)
