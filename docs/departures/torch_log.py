"""torch 2.13: the second derivative of log(exp(x)) passes through exp(-2 x), which overflows, as in a Gamma's rate."""

import torch

torch.set_default_dtype(torch.float64)
hessian, one = torch.autograd.functional.hessian, torch.ones(1)
poisson = torch.nn.PoissonNLLLoss(log_input=False, eps=0.0)
for x in (-300.0, -360.0):
    at = torch.tensor([x])
    gamma = hessian(lambda x: -torch.distributions.Gamma(one, x.exp()).log_prob(one).sum(), at).item()
    counts = hessian(lambda x: poisson(x.exp(), one), at).item()
    print(f"at {x}: the second derivative is exp(x) = {at.exp().item()}, with Gamma it is {gamma}, with PoissonNLLLoss {counts}")
