"""scikit-learn 1.9: of two classes, a small probability of class 0 is 1 less the other, and loses its digits."""

import numpy as np
from sklearn.linear_model import LogisticRegression

two = LogisticRegression(C=np.inf).fit([[0.0], [1.0]], [0, 1])
two.coef_, two.intercept_ = np.array([[1.0]]), np.array([0.0])
three = LogisticRegression(C=np.inf).fit([[0.0], [1.0], [2.0]], [0, 1, 2])
three.coef_, three.intercept_ = np.array([[-1.0], [0.0], [-1000.0]]), np.zeros(3)

print("1 / (1 + exp(40)):                 ", 1 / (1 + np.exp(40.0)))
print("of two classes, class 0 at eta 40: ", two.predict_proba([[40.0]])[0, 0])  # 0.0
print("of three, the third out of reach:  ", three.predict_proba([[40.0]])[0, 0])
