"""torch 2.13: distributions.Binomial moves its probs to 2.2e-16 from 0 and 1, and has log(1 - p) of the rounded p."""

import math

import torch

torch.set_default_dtype(torch.float64)


def log_prob(p, successes):
    return torch.distributions.Binomial(1, probs=torch.tensor(p)).log_prob(torch.tensor(successes)).item()


for p in (1e-3, 1e-12, 1e-100):
    print(f"p = {p}: log p is {math.log(p)}, log_prob(1) is {log_prob(p, 1.0)}")
for eta in (-1e-3, -1e-12, -1e-20):
    print(f"p = exp({eta}): log(1 - p) is {math.log(-math.expm1(eta))}, log_prob(0) is {log_prob(math.exp(eta), 0.0)}")
