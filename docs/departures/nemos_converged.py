"""NeMoS 0.2: a fit converges where its steps are small, on separated data and where a column's unit makes them small, too."""

import jax
import nemos as nmo
import numpy as np

jax.config.update("jax_enable_x64", True)


def show(name, model, x, y):
    model.fit(x, y)
    stats, found = model.solver_state_.stats, np.asarray(model.coef_).ravel()
    print(f"{name}: coefficients {found}, converged: {bool(stats.converged)} after {stats.num_steps} steps")


x = np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]])
classes = np.array([0, 0, 1, 1, 2, 2])  # any larger coefficients are more likely
for tol in (1e-4, 1e-8, 1e-14):
    options = {"solver_name": "LBFGS", "solver_kwargs": {"tol": tol, "maxiter": 50_000}, "regularizer": "UnRegularized"}
    show(f"separated classes, tol={tol:g}", nmo.glm.ClassifierGLM(n_classes=3, **options), x, classes)
rng = np.random.default_rng(0)
x = rng.normal(size=(50, 2))
y = rng.poisson(np.exp(0.5 * x[:, 0])).astype(float)
for unit in (1.0, 1e4, 1e8):
    model = nmo.glm.GLM(nmo.observation_models.NegativeBinomialObservations(scale=0.5), **options)
    show(f"the second column in units of {1 / unit:g}", model, x * [1, unit], y)
