"""torch 2.13: where a step of LBFGS leaves the domain, so that the loss is NaN or infinite, its line search has no way back."""

import torch

torch.set_default_dtype(torch.float64)


def fit(name, start, loss):
    w = torch.tensor(start, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=1000, line_search_fn="strong_wolfe")
    seen = []

    def closure():
        optimizer.zero_grad()
        value = loss(w)
        value.backward()
        seen.append(value.item())
        return value

    try:
        optimizer.step(closure)
        print(f"{name}: losses {seen[:4]}, the parameters after {len(seen)}: {w.detach().tolist()}")
    except IndexError as error:
        print(f"{name}: losses {seen[:4]}, then IndexError: {error}")


def gamma(x, y):
    return lambda w: -torch.distributions.Gamma(torch.ones(1), w[0] + w[1] * x, validate_args=False).log_prob(y).mean()


x, y = torch.tensor([0.0, 0, 0, 1, 1, 1, 1]), torch.tensor([1.0, 2, 6, 2, 4, 5, 9])
fit("gamma, inverse link", [float(1 / y.mean()), 0.0], gamma(x, y))
fit("counts, log link", [0.0, 0.0], lambda w: torch.nn.PoissonNLLLoss()(w[0] + w[1] * 1000 * x, y))
x, y = torch.tensor([-3.0, 0, 1, 0, 0, 3]), torch.tensor([6.0, 2, 1, 1, 10, 2])
fit("gamma, other data", [float(1 / y.mean()), 0.0], gamma(x, y))
