"""torch 2.13: LBFGS with its line search ends where the loss no longer falls; a Newton step on torch's own Hessian goes on."""

import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
X = torch.rand(1000, 4) * torch.tensor([1.0, 10, 100, 1000]) + 3
y = (torch.rand(1000) < 0.4).double()


def loss(w):
    return torch.nn.functional.binary_cross_entropy_with_logits(X @ w, y)


w = torch.zeros(4, requires_grad=True)
options = {"max_iter": 5000, "tolerance_grad": 1e-15, "tolerance_change": 0.0, "line_search_fn": "strong_wolfe"}
optimizer = torch.optim.LBFGS([w], **options)


def closure():
    optimizer.zero_grad()
    value = loss(w)
    value.backward()
    return value


optimizer.step(closure)
w = w.detach()
for _ in range(3):
    gradient = torch.autograd.functional.jacobian(loss, w)
    step = torch.linalg.solve(torch.autograd.functional.hessian(loss, w), gradient)
    print(f"gradient {gradient.abs().max():.1e}, Newton's step {(step / w).abs().max():.1e} of a coefficient")
    w = w - step
