"""torch 2.13: torch.special.ndtr is (1 + erf(x / sqrt(2))) / 2, which loses the lower tail; erfc has it."""

import math

import torch

torch.set_default_dtype(torch.float64)
for x in (-1.0, -5.0, -8.0, -10.0):
    said, true = torch.special.ndtr(torch.tensor(x)).item(), math.erfc(-x / math.sqrt(2)) / 2
    print(f"at {x}: ndtr {said}, erfc(-x / sqrt(2)) / 2 is {true}")
