"""scikit-learn 1.9: TweedieRegressor with power 3 takes no step on columns as they come, and warns."""

import warnings

import statsmodels.api as sm  # for the data alone
from sklearn.linear_model import TweedieRegressor

data = sm.datasets.cpunish.load_pandas()
X, y = data.exog.to_numpy(), data.endog.to_numpy()
for name, columns in (("as they come", X), ("standardised", (X - X.mean(axis=0)) / X.std(axis=0))):
    model = TweedieRegressor(power=3, link="log", alpha=0, solver="newton-cholesky", max_iter=1000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(columns, y)
    print(f"{name}: {model.coef_}, {model.n_iter_} steps")
    print(*{f"  {each.category.__name__}: {str(each.message).partition(chr(10))[0]}" for each in caught}, sep="\n")
